"""An attack that is broken is found out before anybody believes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mlops_stage.errors import ExitCode, InternalError
from mlops_stage.stages.adversarial import campaign as campaigns
from mlops_stage.stages.adversarial import selftest
from mlops_stage.stages.adversarial.budget import BUDGETS
from mlops_stage.stages.adversarial.campaign import Campaign
from mlops_stage.stages.adversarial.space import Found
from mlops_stage.stages.adversarial.starts import Pool


def campaign(effort="quick", norm="linf"):
    attacks = ("linear", "hop_skip_jump", "square") if norm == "linf" else ("linear", "hop_skip_jump")
    pool = Pool(rows=np.empty((0, 1), dtype=np.float32), labels=np.empty(0, dtype=np.int64))
    return Campaign(attacks=attacks, budget=BUDGETS[effort], norm=norm, epsilons=(0.1,), seed=0, pool=pool)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("effort", ["quick", "standard", "deep"])
def test_our_attacks_pass_with_the_budget_of_every_effort(effort, norm):
    selftest.check(campaign(effort, norm))


def nothing(rows):
    return Found(rows=rows.copy(), distance=np.full(len(rows), np.inf), queries=np.ones(len(rows), dtype=np.int64))


BROKEN = {
    "it finds nothing": lambda _real: lambda _oracle, rows, *_rest, **_own: nothing(rows),
    "it finds nothing for every second row": lambda real: lambda *given, **own: _halved(real(*given, **own)),
    "its changes are twice as large as needed": lambda real: (
        lambda oracle, rows, *rest, **own: _doubled(real(oracle, rows, *rest, **own), rows)
    ),
    "it reports rows that keep their label": lambda real: (
        lambda oracle, rows, *rest, **own: replace(real(oracle, rows, *rest, **own), rows=rows)
    ),
}


def _halved(found):
    far = found.distance.copy()
    far[::2] = np.inf
    return replace(found, distance=far)


def _doubled(found, rows):
    return replace(found, rows=(rows + 2 * (found.rows - rows)).astype(np.float32), distance=2 * found.distance)


CASES = [("hop_skip_jump", fault) for fault in BROKEN] + [("square", fault) for fault in BROKEN if "large" not in fault]
"""Square is asked for a row within a size, not for the nearest."""


@pytest.mark.parametrize(("name", "fault"), CASES)
def test_a_broken_attack_is_an_error_of_ours(monkeypatch, name, fault):
    monkeypatch.setattr(campaigns, name, BROKEN[fault](getattr(campaigns, name)))
    with pytest.raises(InternalError, match="self-test of the attack") as caught:
        selftest.check(replace(campaign(), attacks=(name,)))
    assert caught.value.code is ExitCode.INTERNAL


def test_a_stage_whose_attack_is_broken_does_not_pass(project, monkeypatch):
    monkeypatch.setattr(campaigns, "hop_skip_jump", lambda _oracle, rows, *_rest, **_own: nothing(rows))
    with pytest.raises(InternalError, match="HopSkipJump failed: it found nothing"):
        project.measure("broken", rows=5)


def _unmoved(found, rows, space, columns):
    """What is left of an attack that moves some columns of a table not at all."""
    still = (found.rows[:, columns] != rows[:, columns]).any(axis=1) & (space.grid > 0).any()
    far = found.distance.copy()
    far[still] = np.inf
    return replace(found, rows=np.where(still[:, None], rows, found.rows), distance=far)


@pytest.mark.parametrize("columns", [[0, 1, 2], [3, 4]], ids=["whole numbers", "categories"])
@pytest.mark.parametrize("name", ["hop_skip_jump", "square"])
def test_an_attack_that_is_good_on_numbers_alone_is_found_out_on_a_table(monkeypatch, name, columns):
    real = getattr(campaigns, name)

    def numbers_only(oracle, rows, labels, ids, space, **own):
        return _unmoved(real(oracle, rows, labels, ids, space, **own), rows, space, columns if (space.grid > 0).any() else [0])

    monkeypatch.setattr(campaigns, name, numbers_only)
    with pytest.raises(InternalError, match="self-test of the attack"):
        selftest.check(replace(campaign(), attacks=(name,)))


def test_a_closed_form_that_stops_short_of_the_next_whole_number_is_found_out(monkeypatch):
    real = campaigns.linear_margin

    def short(oracle, affine, rows, labels, space, **own):
        told = real(oracle, affine, rows, labels, space, **own)
        return nothing(rows) if (space.grid > 0).any() else told

    monkeypatch.setattr(campaigns, "linear_margin", short)
    with pytest.raises(InternalError, match="exact solution"):
        selftest.check(replace(campaign(), attacks=("linear",)))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("categories", [True, False])
def test_the_tables_truth_is_that_of_all_its_rows(norm, categories):
    """Worked out again, cell by cell, for one row."""
    known = selftest.tabular(norm, categories=categories)
    table = selftest.table(norm, selftest.ROWS, categories=categories)
    assert len(table.every) == 9**3 * 9
    assert table.space.satisfied(known.rows, known.rows).all()
    label = lambda rows: known.session.run(known.feeds(rows), ["label"])[0]  # noqa: E731  (a name for one line)
    row, own = known.rows[0], label(known.rows[:1])[0]
    best = np.inf
    for other in table.every[label(table.every) != own]:
        parts = [abs(a - b) / unit for a, b, unit in zip(row[:3], other[:3], (2.0, 3.0, 1.5), strict=True)]
        parts += [0.5 * (a != b) for a, b in zip(row[3:], other[3:], strict=True)]
        if categories or (row[3:] == other[3:]).all():
            best = min(best, max(parts) if norm == "linf" else sum(part**2 for part in parts) ** 0.5)
    assert known.nearest[0] == pytest.approx(best)
