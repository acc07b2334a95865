"""Names of licences and packages: against the libraries that define them."""

import pytest
from packageurl import PackageURL

from mlops_stage.stages.sbom.identity import canonical, generic_purl, hub_purl, licence, pypi_purl

SHA = "a" * 64


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        ("apache-2.0", "id", "Apache-2.0"),
        ("MIT", "id", "MIT"),
        ("mit", "id", "MIT"),
        ("Apache 2.0", "id", "Apache-2.0"),
        ("License :: OSI Approved :: MIT License", "id", "MIT"),
        ("MIT OR apache-2.0", "expression", "MIT OR Apache-2.0"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "expression", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("openrail++", "name", "openrail++"),
        ("llama3.2", "name", "llama3.2"),
        ("BSD", "name", "BSD"),
        ("MIT AND proprietary", "name", "MIT AND proprietary"),
        ("(((", "name", "((("),
        ("https://example.org/terms", "name", "https://example.org/terms"),
    ],
)
def test_a_licence_has_its_spdx_name_where_there_is_one(text, kind, told):
    found = licence(text, "x")
    assert (found.kind, found.text) == (kind, told)


@pytest.mark.parametrize("text", ["", "  ", "UNKNOWN", "none"])
def test_no_text_is_no_licence(text):
    assert licence(text, "x") is None


def test_an_address_of_terms_is_kept_as_one():
    assert licence("https://example.org/terms", "x").url == "https://example.org/terms"


def test_an_endless_licence_is_cut():
    assert len(licence("MIT OR " * 100_000, "x").text) < 300


@pytest.mark.parametrize(
    "purl",
    [
        generic_purl("a model/ü@1", "1 0", SHA),
        generic_purl("///", "/", SHA),
        generic_purl("test.parquet", "", SHA, "dataset"),
        hub_purl("acme/credit", "B" * 40),
        hub_purl("gpt2"),
        pypi_purl("Foo__bar.Baz", "1.0+local"),
    ],
)
def test_package_urls_are_canonical(purl):
    assert PackageURL.from_string(purl).to_string() == purl == canonical(purl)


def test_hub_names_follow_the_specification():
    assert hub_purl("acme/credit", "B" * 40) == f"pkg:huggingface/acme/credit@{'b' * 40}"
    assert hub_purl("acme/credit", "main") == "pkg:huggingface/acme/credit"
    assert [hub_purl(name) for name in ("/home/me/model", "../x", "a/b/c", "", "a b")] == [""] * 5


def test_what_is_no_package_url_is_none():
    assert [canonical(text) for text in ("", "acme", "https://x", "pkg:", "pkg:generic")] == [""] * 5
