"""Names that others give to metrics, for hints."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_MEANT: Mapping[str, str] = {
    "acc": "accuracy",
    "auc": "roc_auc",
    "auprc": "average_precision",
    "auroc": "roc_auc",
    "bacc": "balanced_accuracy",
    "brier": "brier_score_loss",
    "brier_score": "brier_score_loss",
    "ece": "expected_calibration_error",
    "f1_score": "f1",
    "fall_out": "fpr",
    "false_negative_rate": "fnr",
    "false_positive_rate": "fpr",
    "kappa": "cohen_kappa",
    "logloss": "log_loss",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mcc": "matthews_corrcoef",
    "miss_rate": "fnr",
    "mse": "mean_squared_error",
    "pr_auc": "average_precision",
    "ppv": "precision",
    "r_squared": "r2",
    "rmse": "root_mean_squared_error",
    "sensitivity": "recall",
    "specificity": "tnr",
    "true_negative_rate": "tnr",
    "true_positive_rate": "tpr",
}
_VARIANTS = ("", "_macro", "_ovr")


def meant(name: str, known: Collection[str]) -> str | None:
    """The known metric that another name means: an abbreviation, or that of scikit-learn's function (`recall_score`)."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    ours = [_MEANT.get(plain, plain)]
    if plain.endswith("_score"):
        stem = plain.removesuffix("_score")
        ours.append(_MEANT.get(stem, stem))
    return next((one + variant for one in ours for variant in _VARIANTS if one + variant in known), None)
