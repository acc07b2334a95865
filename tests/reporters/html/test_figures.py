from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from mlops_stage.report import Bar, Bars, Curve, CurvePoint, Matrix
from mlops_stage.reporters.html import columns
from mlops_stage.reporters.html.curve import curve as drawn_curve
from mlops_stage.reporters.html.matrix import MOST_CLASSES
from mlops_stage.reporters.html.matrix import matrix as drawn_matrix


def read(markup):
    return ET.fromstring(str(markup))  # noqa: S314  (our own text)


def by_class(svg, name):
    return [node for node in svg.iter() if (node.get("class") or "").split(" ")[0] == name]


def curve(*points, diagonal=True):
    made = tuple(CurvePoint(x=x, y=y, low=y - 0.05, high=y + 0.05, n=10) for x, y in points)
    return Curve(name="c", title="Title & more", caption="Look here.", x_label="x", y_label="y", points=made, diagonal=diagonal)


def matrix(values, rows=("a", "b"), columns=("a", "b")):
    return Matrix(name="m", title="t", caption="c", row_label="actual", column_label="predicted", rows=rows, columns=columns, values=values)


def test_points_rise_to_the_right_and_up():
    svg = read(drawn_curve(curve((0.1, 0.1), (0.5, 0.6), (0.9, 0.95))))
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in by_class(svg, "dot")]
    assert dots == sorted(dots)
    assert [y for _, y in dots] == sorted((y for _, y in dots), reverse=True)
    assert len(by_class(svg, "whisker")) == 3


def test_the_diagonal_joins_equal_shares():
    svg = read(drawn_curve(curve((0.1, 0.1), (0.9, 0.9))))
    (line,) = by_class(svg, "diagonal")
    assert (line.get("x1"), line.get("y1"), line.get("x2"), line.get("y2")) == ("52", "276", "368", "10")
    assert not by_class(read(drawn_curve(curve((0.1, 0.1), (0.9, 0.9), diagonal=False))), "diagonal")


def test_a_picture_has_a_name_and_a_description():
    svg = read(drawn_curve(curve((0.1, 0.1), (0.9, 0.9))))
    assert svg.find("title").text == "Title & more"
    assert svg.find("desc").text.startswith("Look here. 2 points, from x 0.10")


@pytest.mark.parametrize("points", [(), ((math.nan, 0.5),), ((1e308, -1e308), (-1e308, 1e308))])
def test_what_cannot_be_drawn_is_left_out(points):
    assert drawn_curve(curve(*points)) == ""


def test_one_bad_point_costs_itself_alone():
    assert len(by_class(read(drawn_curve(curve((0.1, 0.1), (math.nan, 0.5), (0.9, 0.9)))), "dot")) == 2


def test_a_cell_is_shaded_by_its_share_of_the_row():
    svg = read(drawn_matrix(matrix(((90, 10), (0, 0)))))
    assert [cell.get("fill-opacity") for cell in by_class(svg, "cell")] == ["0.56", "0.11", "0.05", "0.05"]
    texts = [node.text for node in svg.iter("text")]
    assert [text for text in texts if text[0].isdigit()] == ["90", "90.0 %", "10", "10.0 %", "0", "0"]


def test_a_masked_cell_says_so_and_reveals_nothing():
    texts = [node.text for node in read(drawn_matrix(matrix(((None, None), (5, 3))))).iter("text")]
    assert texts.count("masked") == 2


def test_many_classes_are_cut():
    names = tuple(f"class number {index}" for index in range(100))
    svg = read(drawn_matrix(matrix(tuple(tuple(range(100)) for _ in range(100)), rows=names, columns=names)))
    assert len(by_class(svg, "cell")) == MOST_CLASSES**2


def test_rows_that_are_missing_are_not_drawn():
    assert len(by_class(read(drawn_matrix(matrix(((1, 2),)))), "cell")) == 2
    assert drawn_matrix(matrix((), rows=(), columns=())) == ""


def test_names_are_escaped():
    svg = drawn_matrix(matrix(((1, 2), (3, 4)), rows=("<script>", "&"), columns=('"', "'")))
    assert "<script>" not in svg
    assert "&lt;script&gt;" in svg


def test_shares_have_their_denominators_below_and_say_what_cannot_be_shown():
    figure = replace(matrix(((0.25, None), (None, 1.0)), rows=("a", "b"), columns=("c", "d")), shares=True, counts=((120, 7), (None, 40)))
    texts = [node.text for node in read(drawn_matrix(figure)).iter("text")]
    assert [text for text in texts if text in {"0.25", "n 120", "too few", "n 7", "masked", "1.00", "n 40"}] == [
        "0.25",
        "n 120",
        "too few",
        "n 7",
        "masked",
        "1.00",
        "n 40",
    ]
    assert len(by_class(read(drawn_matrix(figure)), "unknown")) == 2


def bars(*values, low=None, high=None):
    return Bars(
        name="b",
        title="t",
        caption="c",
        x_label="age",
        y_label="rows",
        bars=tuple(Bar(label=str(place), value=value, low=low, high=high) for place, value in enumerate(values)),
        band="band of the profile" if low is not None else "",
    )


def test_a_bar_outside_its_band_stands_out():
    svg = read(columns.columns(bars(5.0, 2.0, None, low=1.0, high=3.0)))
    assert len(by_class(svg, "outside")) == 1
    assert len(by_class(svg, "column")) == 1
    assert len(by_class(svg, "expected")) == 4
    assert "band of the profile" in [node.text for node in svg.iter("text")]


def test_bands_are_drawn_where_no_bar_has_a_value():
    svg = read(columns.columns(bars(None, None, low=1.0, high=3.0)))
    assert len(by_class(svg, "expected")) == 3
    assert "highest" not in svg.find("desc").text


def test_bars_without_a_positive_value_are_not_drawn():
    assert columns.columns(bars(0.0, None)) == ""
    assert columns.columns(bars(math.inf, math.nan)) == ""


def test_many_bars_name_every_few():
    svg = read(columns.columns(bars(*range(1, 41))))
    assert len(by_class(svg, "column")) == 40
    assert "39" not in [node.text for node in svg.iter("text")]
