import pytest

from mlops_stage.gate.aliases import meant


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("f1_score", {"f1", "brier_score_loss"}, "f1"),
        ("f1_score", {"f1_macro"}, "f1_macro"),
        ("AUC", {"roc_auc"}, "roc_auc"),
        ("auc", {"roc_auc_ovr"}, "roc_auc_ovr"),
        ("rmse", {"root_mean_squared_error"}, "root_mean_squared_error"),
        ("mae", {"mean_absolute_error"}, "mean_absolute_error"),
        ("mse", {"mean_squared_error"}, "mean_squared_error"),
        ("sensitivity", {"recall"}, "recall"),
        ("specificity", {"tnr"}, "tnr"),
        ("cohen_kappa_score", {"cohen_kappa"}, "cohen_kappa"),
        ("r2_score", {"r2"}, "r2"),
        ("rmse", {"accuracy"}, None),
        ("size", {"accuracy"}, None),
    ],
)
def test_names_of_others_lead_to_ours(name, known, found):
    assert meant(name, known) == found
