"""Findings on a pickle, and headers of arrays."""

import io
import pickle

import numpy as np
import pytest

from mlops_stage.inputs.pickles import npy
from mlops_stage.inputs.pickles.screen import screen, second_opinion
from mlops_stage.inputs.pickles.source import Source
from mlops_stage.inputs.pickles.walk import both, walk
from mlops_stage.report import Level


def walked(content):
    return both(lambda joblib: walk(Source(io.BytesIO(content)), joblib=joblib))


def rules(content, **how):
    return [(finding.rule, finding.level) for finding in screen(walked(content), "m.pkl", **how)]


def test_each_kind_of_name_has_its_rule():
    assert rules(b"cos\nsystem\n)R.") == [("scan/dangerous-import", Level.ERROR)]
    assert rules(b"cmine\nModel\n)R.") == [("scan/unknown-import", Level.ERROR)]
    assert rules(b"cmine\nModel\n)R.", trusted=("mine",)) == [("scan/pickle", Level.WARNING)]
    assert rules(b"\x80\x02\x82\x01.") == [("scan/hidden-import", Level.ERROR)]
    assert rules(b"csklearn.svm\nSVC\n)R.") == [("scan/pickle", Level.WARNING)]
    assert rules(pickle.dumps({"a": np.arange(3)})) == []
    assert rules(b"\x80\x04N") == [("scan/unreadable", Level.ERROR)]
    assert rules(b"\x80\x04N", claimed=False) == []


def test_names_of_unknown_origin_are_shown_without_control_characters():
    found = screen(walked(b"cevil\x1b[31m\nname\n)R."), "m.pkl")
    assert "\x1b" not in found[0].message


def test_picklescan_is_asked_about_the_whole_as_well():
    content = b"cos\nsystem\n)R."
    found = walked(content)
    assert list(second_opinion(content, found, "m.pkl")) == []
    found.names.clear()
    (finding,) = second_opinion(content, found, "m.pkl")
    assert "os.system" in finding.message


@pytest.mark.parametrize(
    ("array", "objects"),
    [
        (np.arange(3), False),
        (np.array(["O"]), False),
        (np.array([1, None], dtype=object), True),
        (np.zeros(2, dtype=[("O", "f4"), ("b", "U3")]), False),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "O")]), True),
        (np.zeros(2, dtype=[("a", [("c", "O", (2,))])]), True),
    ],
)
def test_headers_of_arrays(array, objects):
    held = io.BytesIO()
    np.save(held, array)
    source = Source(io.BytesIO(held.getvalue()))
    size = npy.array(source)
    assert (size is None) is objects
    assert objects or source.at + size == len(held.getvalue())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00\x05\x00aaaaa",
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
        b"\x93NUMPY\x01\x00\x05\x00{'a':",
        b"\x93NUMPY\x01\x00\x02\x00{}",
    ],
)
def test_broken_headers_of_arrays(content):
    with pytest.raises(ValueError, match=r"."):
        npy.array(Source(io.BytesIO(content)))


def fitted():
    from sklearn.cluster import KMeans
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.feature_selection import SelectKBest
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.metrics import accuracy_score, make_scorer
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, SplineTransformer
    from sklearn.svm import SVC

    x, y = np.random.default_rng(0).random((40, 2)), np.arange(40) % 2
    return [
        KMeans(2, n_init=1).fit(x),
        HistGradientBoostingClassifier(max_iter=2).fit(x, y),
        TfidfVectorizer().fit(["some words", "other words"]),
        make_pipeline(FunctionTransformer(np.log1p), SplineTransformer(), SelectKBest(k=1), SVC()).fit(x, y),
        GaussianProcessRegressor(optimizer=None, random_state=np.random.RandomState(0)).fit(x, y),
        GridSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 2]}, scoring=make_scorer(accuracy_score), cv=2).fit(x, y),
    ]


def tables():
    import pandas as pd
    from scipy import sparse

    frame = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"]), "d": pd.to_datetime(["2020", "2021"])})
    return [
        frame,
        pd.period_range("2020", periods=3, freq="M"),
        sparse.csr_matrix(np.eye(3)),
        np.random.default_rng(0),
        np.ma.array([1, 2]),
    ]


def test_models_and_tables_of_known_libraries_raise_no_alarm():
    for value in [*fitted(), *tables()]:
        for protocol in (2, 5):
            found = screen(walked(pickle.dumps(value, protocol)), "m.pkl")
            assert all(finding.level is Level.WARNING for finding in found), (type(value), found)
