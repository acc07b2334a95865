"""Every bundle that was tampered with is refused, and the reason is named."""

from collections import Counter
from dataclasses import replace

import pytest

WAYS = 100
"""How many there are: pytest collects before fixtures are there."""


@pytest.fixture(scope="module")
def asked(owner, someone):
    """Whom to believe, by the base of a way."""
    slash = replace(someone.expected, issuer=f"{someone.expected.issuer}/")
    repository = replace(someone.expected, repository="https://ci.example/org/repo")
    return {
        "v1": someone,
        "v2": someone,
        "key": owner,
        "key for identity": someone,
        "identity for key": owner,
        "slash": replace(someone, expected=slash),
        "repository": replace(someone, expected=repository),
    }


_BASES = {"key for identity": "key", "identity for key": "v2", "slash": "v2", "repository": "v2"}


def test_untouched_bundles_hold(bench, asked, checked):
    for base in bench.good:
        assert checked(asked[base], bench.base(base), require=["quality"]).refused == ()


@pytest.mark.parametrize("place", range(WAYS))
def test_tampered_bundles_are_refused_for_the_reason_that_is_theirs(tampering, bench, asked, checked, place):
    name, (base, change, rule, words) = list(tampering.WAYS.items())[place]
    bundle = bench.base(_BASES.get(base, base))
    bundle = change(bundle, bench) or bundle
    found = checked(asked[base], bundle, require=["quality"])
    assert found.believed == (), name
    error = found.refused[0].error
    assert (error.rule, words in error.message) == (rule, True), f"{name}: {error.rule}: {error.message}"
    assert found.level is None


def test_the_corpus_is_as_large_as_it_says_and_names_no_reason_in_general(tampering):
    reasons = Counter(rule for _, _, rule, _ in tampering.WAYS.values())
    assert len(tampering.WAYS) == WAYS
    assert "verify/refused" not in reasons
    assert len(reasons) >= 24
