import hashlib
import subprocess
import sys
import warnings
from dataclasses import dataclass, field

import numpy as np
import pytest

from mlops_stage.stages.adversarial import hopskipjump
from mlops_stage.stages.adversarial.hopskipjump import hop_skip_jump
from mlops_stage.stages.adversarial.kinds import kind_of
from mlops_stage.stages.adversarial.linear import linear_margin
from mlops_stage.stages.adversarial.oracle import Oracle, OutOfQueriesError
from mlops_stage.stages.adversarial.space import box, distance
from mlops_stage.stages.adversarial.starts import Pool, labelled

MODELS = ("cancer_mlp", "cancer_logreg", "cancer_rf", "digits_mlp", "digits_rf")


def searched(victim, oracle=None, space=None, **options):
    oracle = oracle or victim.oracle()
    space = space or box(victim.rows.shape[1])
    asked = {"norm": "l2", "iterations": 3, "seed": 0, "pool": labelled(oracle, victim.pool)} | options
    return hop_skip_jump(oracle, victim.rows, victim.labels, victim.ids, space, **asked)


@pytest.mark.parametrize("norm", ["l2", "linf"])
@pytest.mark.parametrize("name", MODELS)
def test_every_row_is_brought_to_another_label_that_a_fresh_session_confirms(victim, name, norm):
    one = victim(name)
    found = searched(one, norm=norm)
    assert found.fooled.all()
    assert (one.oracle().labels(found.rows) != one.labels).all()
    assert np.array_equal(found.distance, distance(box(one.rows.shape[1]), found.rows, one.rows, norm))
    assert (found.rows >= 0).all()
    assert (found.rows <= 1).all()


@pytest.mark.parametrize("name", MODELS)
def test_without_any_row_of_another_class_every_row_is_brought_to_another_label(victim, name):
    one = victim(name, 100)
    assert len(set(one.labels.tolist())) > 1
    for pool in (None, Pool(one.rows[:0], one.labels[:0])):
        found = searched(one, pool=pool, iterations=1)
        assert found.fooled.all()
        assert (one.oracle().labels(found.rows) != one.labels).all()


@pytest.mark.parametrize("name", MODELS)
def test_more_iterations_come_nearer(victim, name):
    one = victim(name, 100)
    medians = [np.median(searched(one, iterations=count).distance) for count in (0, 3, 10)]
    assert medians[0] > 1.05 * medians[1]
    assert medians[1] >= medians[2]


def test_queries_are_told_to_the_row_and_fit_the_budget_of_ten_iterations(victim):
    one = victim("cancer_mlp")
    oracle = one.oracle()
    found = searched(one, oracle, iterations=10)
    assert found.queries.sum() + len(one.pool) == oracle.spent.queries
    assert found.queries.max() <= 2450
    with pytest.raises(OutOfQueriesError):
        searched(one, one.oracle(budget=oracle.spent.queries - 1), iterations=10)


@pytest.mark.parametrize(("name", "least", "most"), [("digits_rf", 0.5, 0.9), ("cancer_rf", 0.5, 0.95), ("cancer_mlp", 0.97, 1.03)])
def test_taking_features_back_pays_for_trees_and_costs_others_next_to_nothing(victim, monkeypatch, name, least, most):
    one = victim(name)
    found = searched(one, iterations=6)
    monkeypatch.setattr(hopskipjump, "MOST_TRIMMED", 0)
    without = searched(one, iterations=6)
    assert 0.97 * without.queries.mean() < found.queries.mean() < 1.02 * without.queries.mean()  # fewer where little was changed
    assert least < np.median(found.distance) / np.median(without.distance) < most


def test_labels_alone_are_enough(victim):
    one = victim("digits_mlp")
    assert np.array_equal(searched(one, one.oracle(scores=None)).rows, searched(one).rows)


def test_another_seed_searches_elsewhere_and_restarts_are_no_worse(victim):
    one = victim("digits_mlp")
    first = searched(one)
    assert not np.array_equal(first.rows, searched(one, seed=1).rows)
    again = searched(one, restarts=2)
    assert (again.distance <= first.distance).all()
    assert (again.distance < first.distance).mean() > 0.1


@pytest.mark.parametrize(("norm", "most"), [("l2", 1.03), ("linf", 1.05)])
@pytest.mark.parametrize("name", ["cancer_logreg", "digits_logreg", "cancer_scaled"])
def test_ten_iterations_come_within_a_few_percent_of_the_closed_form_of_linear_models(victim, name, norm, most):
    one = victim(name, 100)
    space = box(one.rows.shape[1])
    closed = linear_margin(one.oracle(), kind_of(one.model(), "label").affine, one.rows, one.labels, space, norm=norm)
    ratio = searched(one, norm=norm, iterations=10).distance / closed.distance
    assert ratio.min() > 1 - 2e-5
    assert np.median(ratio) <= most


def test_the_boundary_that_is_nearest_along_the_way_is_not_taken_for_the_nearest(victim):
    """Of ten classes that a linear model tells apart, the nearest reference row is often not of the class whose boundary is nearest."""
    one = victim("digits_logreg", 200)
    space = box(one.rows.shape[1])
    closed = linear_margin(one.oracle(), kind_of(one.model(), "label").affine, one.rows, one.labels, space, norm="l2")
    beyond = searched(one, iterations=10).distance > 1.1 * closed.distance
    assert beyond.mean() < 0.25


def test_the_scale_is_the_unit_of_distance(victim):
    one = victim("cancer_logreg")
    width = one.rows.shape[1]
    scale = np.where(np.arange(width) % 2, 1.0, 0.01)
    found = searched(one, space=box(width, scale=scale), iterations=10)
    moved = np.abs(found.rows - one.rows)
    assert moved[:, scale == 1].sum() > 10 * moved[:, scale < 1].sum()


@dataclass
class Fussy:
    """Whole numbers, a category, a feature that stays, and one that may only rise; notes what it is not asked to repair."""

    width: int = 6
    scale: np.ndarray = field(default_factory=lambda: np.ones(6, dtype=np.float32))
    low: np.ndarray = field(default_factory=lambda: np.full(6, -5, dtype=np.float32))
    high: np.ndarray = field(default_factory=lambda: np.array([5, 5, 3, 5, 5, 5], dtype=np.float32))
    grid: np.ndarray = field(default_factory=lambda: np.array([0, 1, 1, 0, 0, 1], dtype=np.float32))
    continuous: np.ndarray = field(default_factory=lambda: np.array([True, True, False, True, True, True]))
    free: np.ndarray = field(default_factory=lambda: np.array([True, True, True, False, True, True]))

    def __post_init__(self):
        self.low[2] = 0

    def project(self, rows, originals):
        rows = np.clip(rows, self.low, self.high)
        rows[..., self.grid > 0] = np.rint(rows[..., self.grid > 0])
        rows[..., 3] = originals[..., 3]
        rows[..., 4] = np.maximum(rows[..., 4], originals[..., 4])
        return rows

    def valid(self, rows, originals):
        return np.array_equal(self.project(rows.copy(), originals), rows)


class Rule:
    """Asks for a sum, with a category in it."""

    def __init__(self):
        self.asked = []

    def run(self, inputs, _):
        x = inputs["x"]
        self.asked.append(x.copy())
        return [(x[:, 0] + x[:, 1] + 2 * (x[:, 2] == 3) + 3 * x[:, 3] + x[:, 4] + 0.5 * x[:, 5] > 2).astype(np.int64)]


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_only_valid_rows_are_asked_and_reported(norm):
    space, rule = Fussy(), Rule()
    originals = np.zeros((8, 6), dtype=np.float32)
    originals[:, 0] = np.linspace(-1, 1, 8)
    originals[:, 4] = -1
    oracle = Oracle(rule, lambda rows: {"x": rows}, label="label")
    found = hop_skip_jump(oracle, originals, np.zeros(8, dtype=np.int64), np.arange(8), space, norm=norm, iterations=5, seed=0)
    assert found.fooled.all()
    assert space.valid(found.rows, originals)
    asked = np.concatenate(rule.asked)
    assert space.valid(asked, np.tile([0, 0, 0, 0, -1, 0], (len(asked), 1)).astype(np.float32))
    # from -1 + x the sum must rise beyond 2: at most 3 + 1 - x away in one feature, and far less over several
    assert (found.distance <= 4 - originals[:, 0]).all()


def test_a_category_that_is_not_needed_is_taken_back():
    space, rule = Fussy(), Rule()
    originals = np.zeros((4, 6), dtype=np.float32)
    pool = np.tile(np.array([4, 0, 1, 0, 0, 0], dtype=np.float32), (3, 1))  # category 1 adds nothing
    oracle = Oracle(rule, lambda rows: {"x": rows}, label="label")
    found = hop_skip_jump(
        oracle, originals, np.zeros(4, dtype=np.int64), np.arange(4), space, norm="l2", iterations=3, seed=0, pool=labelled(oracle, pool)
    )
    assert (found.rows[:, 2] == 0).all()


def test_a_model_that_never_changes_its_mind_is_not_fooled():
    class Same:
        def run(self, inputs, _):
            return [np.ones(len(inputs["x"]), dtype=np.int64)]

    rows = np.zeros((3, 2), dtype=np.float32)
    oracle = Oracle(Same(), lambda rows: {"x": rows}, label="label")
    found = hop_skip_jump(
        oracle, rows, np.ones(3, dtype=np.int64), np.arange(3), box(2), norm="l2", iterations=3, seed=0, pool=labelled(oracle, rows)
    )
    assert not found.fooled.any()
    assert np.array_equal(found.rows, rows)
    assert (found.queries == 100).all()


def test_no_rows_are_no_work(victim):
    one = victim("cancer_mlp")
    found = hop_skip_jump(one.oracle(budget=0), one.rows[:0], one.labels[:0], one.ids[:0], box(30), norm="l2", iterations=3, seed=0)
    assert found.rows.shape == (0, 30)


SHARD = """
import sys
import numpy as np
from pathlib import Path
from mlops_stage.inputs.onnx.session import Session
from mlops_stage.stages.adversarial import hopskipjump
from mlops_stage.stages.adversarial.hopskipjump import hop_skip_jump
from mlops_stage.stages.adversarial.oracle import Oracle
from mlops_stage.stages.adversarial.space import box
from mlops_stage.stages.adversarial.square import square
from mlops_stage.stages.adversarial.starts import Pool, labelled
path, rows, part, parts, out = sys.argv[1:]
with np.load(rows) as file:
    held = dict(file)
mine = slice(int(part), None, int(parts))
session = Session(Path(path))
name = session.facts.inputs[0].name
oracle = Oracle(session, lambda x: {name: x}, label="label", scores="probabilities")
x, y, ids = held["rows"][mine], held["labels"][mine], held["ids"][mine]
space = box(x.shape[1])
pool = labelled(oracle, held["pool"])
found = [hop_skip_jump(oracle, x, y, ids, space, norm=norm, iterations=count, seed=5, pool=pool) for norm, count in (("l2", 6), ("linf", 3))]
found.append(square(oracle, x, y, ids, space, epsilon=0.1, queries=60, seed=5))
np.savez(out, **{f"{key}{i}": getattr(one, key) for i, one in enumerate(found) for key in ("rows", "distance", "queries")})
"""


def shard(one, part, parts, out):
    return [sys.executable, "-c", SHARD, str(one.path), str(out.parent / "held.npz"), str(part), str(parts), str(out)]


@pytest.mark.parametrize(("name", "counts"), [("digits_mlp", (4,)), ("cancer_rf", (2,))])
def test_one_two_and_four_processes_give_the_same_digest(victim, name, counts, tmp_path, monkeypatch):
    one = victim(name, 30)
    np.savez(tmp_path / "held.npz", rows=one.rows, labels=one.labels, ids=one.ids, pool=one.pool)
    monkeypatch.setattr(sys, "argv", shard(one, 0, 1, tmp_path / "0-1.npz")[2:])
    exec(SHARD, {})  # noqa: S102  (the same program in this process)
    digests = []
    for parts in (1, *counts):
        outs = [tmp_path / f"{part}-{parts}.npz" for part in range(parts)]
        running = [subprocess.Popen(shard(one, part, parts, out)) for part, out in enumerate(outs) if parts > 1]
        assert not any(process.wait(timeout=120) for process in running)
        whole = {}
        for part, out in enumerate(outs):
            with np.load(out) as found:
                for key, values in found.items():
                    whole.setdefault(key, np.zeros((30, *values.shape[1:]), values.dtype))[part::parts] = values
        digests.append(hashlib.sha256(b"".join(whole[key].tobytes() for key in sorted(whole))).hexdigest())
    assert len(set(digests)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("name", "share"), [("digits_mlp", 0.8), ("cancer_rf", 0.95)])
def test_at_equal_queries_it_comes_nearer_than_arts(victim, name, share):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from art.attacks.evasion import HopSkipJump
        from art.estimators.classification import BlackBoxClassifier
    one = victim(name, 30)
    oracle = one.oracle()
    classifier = BlackBoxClassifier(oracle.scores, (one.rows.shape[1],), oracle.scores(one.rows[:1]).shape[1], clip_values=(0.0, 1.0))
    attack = HopSkipJump(classifier, targeted=False, norm=2, max_iter=10, max_eval=1000, init_eval=100, init_size=100, verbose=False)
    before = oracle.spent.queries
    theirs = attack.generate(one.rows.copy())
    queries = oracle.spent.queries - before
    other = oracle.labels(theirs) != one.labels
    far = np.where(other, np.linalg.norm(theirs - one.rows, axis=1), np.inf)
    ours = searched(one, iterations=10)
    assert ours.fooled.all()
    assert np.median(ours.distance) <= share * np.median(far)
    assert ours.queries.sum() <= 1.02 * queries * 30 / other.sum()
