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
