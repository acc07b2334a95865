"""Attacks of the Adversarial Robustness Toolbox: those that work do, those that cannot say why, and none of them decides anything."""

from __future__ import annotations

import sys

import pytest

from mlops_stage.errors import ExitCode, StageError
from mlops_stage.report import Level, to_json
from mlops_stage.stages.adversarial import art


def test_every_attack_of_the_library_is_allowed_or_refused_with_a_reason():
    library = art._library()
    base = library.attacks.attack.EvasionAttack
    there = {name for name, one in vars(library.attacks.evasion).items() if isinstance(one, type) and issubclass(one, base)}
    assert there == {*art.ALLOWED, *art.REFUSED}
    assert not set(art.ALLOWED) & set(art.REFUSED)
    assert all(reason for reason in art.REFUSED.values())


def test_allowed_attacks_run_on_a_row_of_a_table_and_inform_only(project):
    names = ",".join(art.ALLOWED)
    plain, seen = project.measure("without", rows=1), project.measure("with", rows=1, art=names)
    told = [finding for finding in seen.findings if finding.rule == "adversarial/art"]
    assert [name for name in art.ALLOWED if any(finding.message.startswith(f"ART's {name} (") for finding in told)] == list(art.ALLOWED)
    assert all(finding.level is not Level.ERROR for finding in told)
    assert not any("failed" in finding.message for finding in told)
    assert seen.metrics == plain.metrics, "what informs is no metric that a gate could look at"
    assert project.evidence("with") == project.evidence("without")


def test_the_librarys_chance_is_ours(project):
    first, again = (to_json(project.measure(name, rows=3, art="HopSkipJump")) for name in ("art1", "art2"))
    assert first == again


def test_without_the_library_the_hint_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "art", None)
    with pytest.raises(StageError, match="is not installed") as caught:
        art.check(["HopSkipJump"])
    assert caught.value.code is ExitCode.STAGE
    assert "mlops-stage[art]" in caught.value.hint
    art.check([])


def test_another_package_of_that_name_is_told_apart(monkeypatch, tmp_path):
    (tmp_path / "art.py").write_text("def text2art(text): return text\n")
    for name in [name for name in sys.modules if name.split(".")[0] == "art"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StageError) as caught:
        art.check(["HopSkipJump"])
    assert "another package of that name" in caught.value.hint
