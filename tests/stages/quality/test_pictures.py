import numpy as np

from mlops_stage.estimates import NotEstimable, Point, Rate
from mlops_stage.inputs.predictions import Predictions
from mlops_stage.report import Metric
from mlops_stage.stages.quality.pictures import against_baseline, by_slice, confusion, predicted_against_actual
from mlops_stage.stats.cells import count_cells


def of(name, value, estimate, versus=None):
    return Metric(name=name, estimate=estimate, slice=(("region", value),) if value else (), versus=versus)


def test_slices_stand_beside_all_rows():
    metrics = [
        of("recall", "a", Rate(40, 50)),
        of("recall", "b", NotEstimable(0, "masked")),
        of("f1", "a", Rate(1, 2)),
        of("recall", "c", Point(0.5)),
    ]
    (figure,) = by_slice(metrics, "recall", "region", Rate(60, 100))
    assert [(row.label, row.value, row.note) for row in figure.rows] == [("a", 0.8, ""), ("b", None, "masked"), ("c", 0.5, "no interval")]
    assert figure.rows[0].low < 0.8 < figure.rows[0].high
    assert figure.reference == 0.6
    assert by_slice(metrics, "recall", "country", Rate(60, 100)) == []


def test_of_very_many_slices_the_extremes_are_shown():
    metrics = [of("recall", f"{index:03d}", Rate(index, 100)) for index in range(100)]
    (figure,) = by_slice(metrics, "recall", "region", Rate(1, 2))
    assert [row.label for row in figure.rows] == [f"{index:03d}" for index in (*range(20), *range(80, 100))]
    assert "60 levels" in figure.caption


def test_many_classes_make_no_picture():
    label = np.arange(25)
    cells = count_cells((label, label), (25, 25))
    assert confusion(cells, [str(name) for name in label]) == []


def test_weights_are_rounded_for_the_eye():
    label = np.array([0, 1, 1]).repeat(10)
    (figure,) = confusion(count_cells((label, label), (2, 2), np.array([0.01, 0.01, 0.02]).repeat(10)), ("no", "yes"))
    assert figure.values == ((0.1, 0), (0, 0.3))
    assert "weight" in figure.caption


def test_predictions_are_put_into_tenths():
    prediction = np.arange(100.0)
    figure = predicted_against_actual(Predictions(task="regression", label=prediction + 1, prediction=prediction))
    assert [point.x for point in figure.points] == [4.5 + 10 * index for index in range(10)]
    assert all(point.y == point.x + 1 and point.n == 10 for point in figure.points)


def test_groups_of_predictions_are_never_small():
    prediction = np.arange(25.0)
    figure = predicted_against_actual(Predictions(task="regression", label=prediction, prediction=prediction))
    assert [point.n for point in figure.points] == [13, 12]
    assert "2 groups" in figure.caption


def test_only_differences_on_one_scale_share_a_picture():
    metrics = [
        of("accuracy", "", Rate(1, 2), Rate(1, 2)),
        of("log_loss", "", Rate(1, 2), Rate(1, 2)),
        of("recall", "a", Rate(1, 2), Rate(1, 2)),
    ]
    (figure,) = against_baseline(metrics)
    assert [row.label for row in figure.rows] == ["accuracy"]
    assert against_baseline([of("accuracy", "", Rate(1, 2))]) == []
