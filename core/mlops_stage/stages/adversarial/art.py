"""Attacks of the Adversarial Robustness Toolbox (ART) on the same oracle: they inform, and no gate looks at them."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from mlops_stage.errors import StageError, UsageError, nearest
from mlops_stage.evidence.redact import shown
from mlops_stage.report import Finding, Level
from mlops_stage.stages.adversarial import words
from mlops_stage.stages.adversarial.results import SLACK
from mlops_stage.stages.adversarial.space import distance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mlops_stage.stages.adversarial.oracle import Oracle
    from mlops_stage.stages.adversarial.results import Results
    from mlops_stage.stages.adversarial.space import Norm, Rows
    from mlops_stage.stages.adversarial.tabular import Tabular

ROWS = 25
"""So many rows each attack is given: one row at a time, they take from a tenth of a second to a second for each."""
_GRADIENTS = "it needs the model's gradients, which an ONNX file or a server does not give"
_IMAGES = "it takes images, not rows of a table"
_FRAMEWORK = "it needs the model as an object of its framework"
REFUSED: Mapping[str, str] = {
    **dict.fromkeys(
        (
            "AutoConjugateGradient", "AutoProjectedGradientDescent", "BasicIterativeMethod", "CarliniL0Method", "CarliniL2Method", "CarliniLInfMethod",
            "DeepFool", "ElasticNet", "FastGradientMethod", "LowProFool", "MomentumIterativeMethod", "NewtonFool", "ProjectedGradientDescent",
            "ProjectedGradientDescentNumpy", "RescalingAutoConjugateGradient", "SaliencyMapMethod", "ShadowAttack", "VirtualAdversarialMethod",
            "Wasserstein",
        ),
        _GRADIENTS,
    ),
    **dict.fromkeys(
        (
            "AdversarialPatch", "AdversarialPatchNumpy", "DPatch", "FrameSaliencyAttack", "GRAPHITEBlackbox", "LaserAttack", "PixelAttack",
            "RobustDPatch", "SimBA", "SpatialTransformation", "SquareAttack", "TargetedUniversalPerturbation", "ThresholdAttack",
            "UniversalPerturbation",
        ),
        _IMAGES,
    ),
    **dict.fromkeys(
        (
            "AdversarialPatchPyTorch", "AdversarialPatchTensorFlowV2", "AdversarialTexturePyTorch", "CompositeAdversarialAttackPyTorch",
            "DecisionTreeAttack", "FeatureAdversariesNumpy", "FeatureAdversariesPyTorch", "FeatureAdversariesTensorFlowV2", "GRAPHITEWhiteboxPyTorch",
            "HighConfidenceLowUncertainty", "MalwareGDTensorFlow", "OverTheAirFlickeringPyTorch", "OverloadPyTorch", "ProjectedGradientDescentPyTorch",
            "ProjectedGradientDescentTensorFlowV2", "SNAL",
        ),
        _FRAMEWORK,
    ),
    **dict.fromkeys(("CarliniWagnerASR", "ImperceptibleASR", "ImperceptibleASRPyTorch"), "it attacks speech recognition"),
    "AutoAttack": "its parts need gradients, and its Square raises on rows of a table",
    "GeoDA": "it takes images, and calls a function that NumPy 2 has no more",
}  # fmt: skip
"""Attacks of ART that cannot be used here, and why; tried with ART 1.20.1."""


ALLOWED: Mapping[str, Callable[[int], Mapping[str, Any]]] = {
    "HopSkipJump": lambda _width: {"max_iter": 10, "max_eval": 1000, "init_eval": 100},
    "BoundaryAttack": lambda _width: {"targeted": False, "max_iter": 100},
    "SignOPTAttack": lambda _width: {"targeted": False, "max_iter": 30},
    "ZooAttack": lambda width: {
        "max_iter": 20,
        "nb_parallel": width,
        "use_resize": False,
        "use_importance": False,
        "binary_search_steps": 5,
    },
}
"""Attacks of ART that work on rows of a table, and their settings by the number of features."""
_WITH_NORM = "HopSkipJump"
_WITH_SCORES = "ZooAttack"


def check(names: Sequence[str]) -> None:
    """Refuse attacks that cannot be used, before anything is done.

    Raises:
        UsageError: an attack that ART does not have, or that cannot be used here; the message says why.
        StageError: ART is not installed.
    """
    for name in names:
        if name in REFUSED:
            raise UsageError(f"art: {name} cannot be used: {REFUSED[name]}", f"use {words.listed(sorted(ALLOWED))}")
        if name not in ALLOWED:
            raise UsageError(f"art: there is no attack {shown(name)!r}", nearest(name, [*ALLOWED, *REFUSED]))
    if names:
        _library()


@dataclass(frozen=True, kw_only=True, eq=False)
class Attacked:
    """What ART is given: rows that the model gets right, with our own results beside them."""

    oracle: Oracle
    space: Tabular
    results: Results
    norm: Norm
    epsilon: float
    seed: int


def informed(names: Sequence[str], given: Attacked) -> list[Finding]:
    """What each attack achieved on the first rows, beside our own attacks; a warning where it found clearly smaller changes.

    ART seeds nothing; here its random numbers start from the run's seed, so that the report stays the same.
    """
    some = np.flatnonzero(given.space.complete(given.results.originals))[:ROWS]
    if not names or not len(some) or given.results.silence:
        return []
    return [_informed(name, given, some) for name in names]


def _informed(name: str, given: Attacked, some: NDArray[np.intp]) -> Finding:
    if name == _WITH_SCORES and not given.oracle.has_scores:
        return Finding(
            rule="adversarial/art", level=Level.NOTE, message=f"ART's {name} was left out: it needs scores, and this model has none"
        )
    originals, labels, ours = given.results.originals[some], given.results.labels[some], given.results.distance[some]
    before = given.oracle.spent.queries
    try:
        proposed = _generated(name, given, originals)
    except Exception as error:  # noqa: BLE001  (whatever a library raises costs its own information only)
        told = shown(" ".join(str(error).split()), 120)
        return Finding(rule="adversarial/art", level=Level.WARNING, message=f"ART's {name} failed: {type(error).__name__}: {told}")
    asked = (given.oracle.spent.queries - before) / len(some)
    rows = given.space.project(proposed, originals)
    far = np.where(given.oracle.labels(rows) != labels, distance(given.space, rows, originals, given.norm), np.inf)
    limit = given.epsilon * (1 + SLACK)
    message = (
        f"ART's {name} ({version('adversarial-robustness-toolbox')}), {words.change(given.norm, (given.epsilon,))}, fooled {int((far <= limit).sum())} of "
        f"{len(some)} rows with {asked:,.0f} queries a row; our attacks fooled {int((ours <= limit).sum())} of the same. It informs only"
    )
    worse = int(((far <= limit) & (ours > limit)).sum())
    if not worse:
        return Finding(rule="adversarial/art", level=Level.NOTE, message=message)
    return Finding(
        rule="adversarial/art",
        level=Level.WARNING,
        message=f"{message}; but {worse} of its rows withstood ours: the robust accuracy is overstated",
        hint="raise effort",
    )


def _generated(name: str, given: Attacked, originals: Rows) -> Rows:
    """What an attack proposes, in our units; every row it asks about is brought into the columns' ranges and grids first."""
    library = _library()
    space, scale = given.space, given.space.scale

    def scores(rows: NDArray[Any]) -> NDArray[np.float64]:
        valid = space.snapped((rows * scale).astype(np.float32))
        found = given.oracle.scores(valid) if name == _WITH_SCORES else None
        if found is None:
            return np.eye(classes)[np.minimum(given.oracle.labels(valid), classes - 1)]
        return np.pad(found, ((0, 0), (0, classes - found.shape[1])))

    known = given.oracle.scores(originals[:1])
    # SignOPT refuses two classes; a third that no row ever has changes nothing for any attack
    classes = int(max(3, given.results.labels.max() + 1, given.results.others.max() + 1, 0 if known is None else known.shape[1]))
    settings = {**ALLOWED[name](space.width), "verbose": False} | (
        {"norm": 2 if given.norm == "l2" else np.inf} if name == _WITH_NORM else {}
    )
    with warnings.catch_warnings(), _seeded(given.seed):
        warnings.simplefilter("ignore")  # its own, and those of what it calls in old ways
        classifier = library.estimators.classification.BlackBoxClassifier(
            scores, (space.width,), classes, clip_values=(space.low / scale, space.high / scale)
        )
        attack = getattr(library.attacks.evasion, name)(classifier, **settings)
        proposed: Rows = (attack.generate(originals / scale) * scale).astype(np.float32)
    return np.where(np.isfinite(proposed), proposed, originals)


def _library() -> Any:
    """ART, imported when first asked for: it takes seconds.

    Raises:
        StageError: it is not installed, or another package holds its name.
    """
    hint = "pip install 'mlops-stage[art]', or leave art out"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for part in ("attacks.evasion", "estimators.classification"):
                import_module(f"art.{part}")
            return import_module("art")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("art."):  # a package of the same name draws letters
            hint = "pip uninstall art: another package of that name is in its place; then pip install 'mlops-stage[art]'"
        raise StageError(f"art: the Adversarial Robustness Toolbox is not installed ({error.name} is missing)", hint) from error


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """ART's attacks take numbers from NumPy's global state and from unseeded `RandomState()`s; within this they start from the seed."""
    plain = np.random.RandomState

    class Seeded(plain):  # type: ignore[misc, valid-type]  # a class made of what the module holds just now
        def __init__(self, own: Any = None) -> None:
            super().__init__(seed % 2**32 if own is None else own)

    state = np.random.get_state()  # noqa: NPY002  (ART's own state is the old one)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (as above)
    np.random.RandomState = Seeded  # type: ignore[assignment, misc]  # as above
    try:
        yield
    finally:
        np.random.RandomState = plain  # type: ignore[misc]  # as above
        np.random.set_state(state)  # noqa: NPY002  (as above)
