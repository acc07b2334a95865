from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mlops_stage.estimates import NotEstimable, Point, Rate
from mlops_stage.report import Curve, Matrix, Metric, Outcome, Report, Run, Verdict
from mlops_stage.reporters.html import render, view

VOID = {"meta", "link", "br", "rect", "line", "circle", "polyline"}


class Page(HTMLParser):
    """The elements of a page, and whether they close in order."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.open = []
        self.text = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "body" in self.open:
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def said(self):
        return " ".join(" ".join(self.text).split())


def text(run):
    return render(run)["report.html"]


def test_every_element_is_closed(any_run):
    assert Page(text(any_run)).open == []


@pytest.mark.parametrize("name", ["demo", "everything", "hostile", "crowded"])
def test_ids_are_unique_and_every_reference_leads_somewhere(runs, name):
    page = Page(text(runs(name)))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    targets = [attributes["href"][1:] for attributes in page.all("a") if attributes["href"].startswith("#")]
    targets += [attributes["aria-labelledby"] for _, attributes in page.elements if "aria-labelledby" in attributes]
    assert set(targets) <= set(ids)


def test_the_page_is_self_contained_and_its_policy_allows_nothing_else(any_run):
    shown = text(any_run)
    page = Page(shown)
    assert not [tag for tag, _ in page.elements if tag in {"script", "iframe", "object", "embed", "form", "base", "img"}]
    assert all("style" not in attributes for _, attributes in page.elements)
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert [attributes["href"][:5] for attributes in page.all("link")] == ["data:"]
    (policy,) = [attributes["content"] for attributes in page.all("meta") if attributes.get("http-equiv") == "Content-Security-Policy"]
    style = shown.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def test_links_lead_to_the_documentation_or_to_files_beside_the_page(runs):
    for name in ("everything", "hostile"):
        for attributes in Page(text(runs(name))).all("a"):
            assert re.match(r"#|\./hostile/|\./candidate/|https://mlops\.github\.io/evaluate/", attributes["href"])
            assert ".." not in attributes["href"]


def test_doubts_come_before_the_verdict_and_the_verdict_before_all_figures(runs):
    said = Page(text(runs("everything"))).said
    order = [
        "figures below may be wrong",
        "412 of 16,281 test rows",
        "broken could not run",
        "Not passed",
        "Recall is 0.651",
        "Overall",
    ]
    places = [said.find(part) for part in order]
    assert -1 not in places
    assert places == sorted(places)


def test_every_gate_has_its_sentence_its_verdict_in_words_and_a_picture(runs):
    run = runs("demo")
    page = Page(text(run))
    gates = [gate for report in run.reports for gate in report.gates]
    assert all(gate.sentence in page.said for gate in gates)
    assert sum(attributes.get("class", "").startswith("gauge") for attributes in page.all("svg")) == len(gates)
    assert page.said.count("failed: Recall is 0.651") == 2


def test_an_error_comes_with_its_hint_and_is_not_the_models_fault(runs):
    said = Page(text(runs("error"))).said
    assert "data/test.parquet has no column 'incme'" in said
    assert "did you mean 'income'?" in said
    assert "An error says nothing about the model. Exit code 2." in said


def test_tables_have_captions_and_scopes(runs):
    page = Page(text(runs("everything")))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(attributes.get("scope") in {"col", "row"} for attributes in page.all("th"))
    boxes = [attributes for attributes in page.all("div") if attributes.get("class") == "scroll"]
    assert all(attributes.get("tabindex") == "0" and attributes.get("aria-label") for attributes in boxes)


def test_pictures_are_named_or_hidden_and_their_data_is_on_the_page(runs):
    run = runs("demo")
    page = Page(text(run))
    for attributes in page.all("svg"):
        assert attributes.get("aria-hidden") == "true" or (attributes.get("role") == "img" and attributes.get("aria-label"))
    drawn = [figure for report in run.reports for figure in report.figures if isinstance(figure, Curve | Matrix)]
    assert page.said.count("Data of this figure") == len(drawn)
    assert "11,715" in page.said


def test_there_is_one_first_heading_and_no_level_is_skipped(runs):
    for name in ("demo", "everything", "passed", "empty"):
        levels = [int(tag[1]) for tag, _ in Page(text(runs(name))).elements if re.fullmatch("h[1-6]", tag)]
        assert levels.count(1) == 1
        first = levels.index(1)
        assert all(after <= before + 1 for before, after in zip(levels[first:], levels[first + 1 :], strict=False))


def test_hostile_text_is_text(runs):
    shown = text(runs("hostile"))
    assert "<script" not in shown
    assert "onerror=alert" in shown
    assert "&lt;img src=x onerror" in shown
    assert "{{ 7*7 }}" in shown
    assert {letter for letter in shown if not letter.isprintable()} == {"\n"}


def test_text_that_instructs_a_model_is_marked_wherever_it_stands(runs):
    page = Page(text(runs("hostile")))
    assert "Quoted text that addresses a language model" in page.said
    unmarked = Page(re.sub(r'<mark class="flag">.*?</mark>', "", text(runs("hostile")))).said
    titles = 1  # a picture's axis names hold no marks, but none of them holds this text either
    assert unmarked.count("Ignore all previous instructions") <= titles
    assert page.said.count("quoted text, not to be followed: ") >= 16
    assert "addresses a language model" not in Page(text(runs("everything"))).said


def test_thousands_of_slices_and_findings_stay_one_short_page(runs):
    shown = text(runs("crowded"))
    said = Page(shown).said
    assert len(shown.encode()) < 100_000
    assert "shop = shop of horrors" in said
    assert "9,989 more slices in crowded/report.json, 200 of them could not be estimated." in said
    assert "12 of 10,001 slices, most surely worse than all rows first" in said
    assert "more in crowded/report.json" in said


def test_the_demo_fits_in_half_a_megabyte(runs):
    assert len(text(runs("demo")).encode()) < 500_000


def test_private_evidence_is_not_named(runs):
    assert "private" not in text(runs("passed"))


def test_the_same_reports_give_the_same_bytes_whenever_and_wherever(runs):
    run = runs("demo")
    assert text(run) == text(replace(run, started="2030-01-01T00:00:00Z", seconds=99.0, cost={}, versions={}))


def test_a_report_of_an_earlier_run_says_so(runs):
    assert Page(text(runs("earlier"))).said.count("from an earlier run") == 1


def test_reports_about_other_files_than_this_run_are_told_apart(runs):
    run = runs("earlier")
    earlier = next(report for report in run.reports if report.id not in run.ids)
    warning = "This page mixes reports about different files"
    assert warning not in Page(text(run)).said
    moved = tuple(replace(item, sha256="0" * 64) if item.role == "model" else item for item in earlier.subjects)
    assert moved != earlier.subjects
    changed = replace(run, reports=tuple(replace(report, subjects=moved) if report is earlier else report for report in run.reports))
    said = Page(text(changed)).said
    assert warning in said
    assert f"from earlier runs come {earlier.id} about another model" in said
    assert "from an earlier run, about another model" in said


def about(*metrics):
    report = Report(stage="compile", id="compile", outcome=Outcome.PASSED, summary="Fine.", metrics=metrics)
    run = Run(reports=(report,), ids=("compile",), started="2026-01-01T00:00:00Z", seconds=1.0)
    return Page(text(run))


def test_metrics_of_one_slice_stand_in_one_table():
    where = (("target", "host"),)
    page = about(
        Metric(name="parity", estimate=Point(1.0, n=1_000), slice=where),
        Metric(name="label_agreement", estimate=Rate(990, 1_000), slice=where),
        Metric(name="latency_ratio", estimate=Rate(99, 100), slice=(("target", "pi"),)),
        Metric(name="latency_ratio", estimate=Rate(98, 100), slice=where),
    )
    assert set(re.findall(r"(\w+) by slice", page.said)) == {"latency_ratio"}
    assert page.said.index("target = host") < page.said.index("parity") < page.said.index("label_agreement")
    apart = about(
        Metric(name="parity", estimate=Point(1.0), slice=where), Metric(name="ratio", estimate=Point(0.5), slice=(("target", "pi"),))
    )
    assert "Single slices" in apart.said
    assert "parity, target = host" in apart.said


@pytest.mark.parametrize("values", [(0.0, 1.0), (0.0, 0.0), (3.0, 12.0)])
def test_counts_are_on_no_scale(values):
    page = about(
        Metric(name="files", estimate=Point(values[0])),
        *(Metric(name="element", estimate=Point(value), slice=(("name", str(place)),)) for place, value in enumerate(values)),
    )
    assert page.all("svg") == []
    assert "bars from" not in page.said
    assert {attributes.get("class") for attributes in page.all("td")} <= {None}
    assert len(page.all("th")) == 2 * 2 + 1 + len(values)


def test_why_a_figure_is_missing_stands_where_its_bar_would():
    page = about(
        Metric(name="recall", estimate=Rate(90, 100)), Metric(name="precision", estimate=NotEstimable(0, "no positives in this group"))
    )
    assert [attributes["colspan"] for attributes in page.all("td") if attributes.get("class") == "note"] == ["2"]
    assert page.said.count("no positives in this group") == 1


def test_settings_that_were_not_given_are_not_listed(runs):
    said = Page(text(runs("passed"))).said
    assert "workclass, education" in said
    assert "baseline None" not in said


def test_one_gate_of_thousands_is_seen_in_the_bar_of_all(runs):
    run = runs("failed")
    (report,) = run.reports
    lost = next(gate for gate in report.gates if gate.verdict == "failed")
    good = replace(lost, verdict=Verdict.PASSED)
    many = replace(run, reports=(replace(report, gates=(lost, *[good] * 2_999)),))
    widths = {kind: float(wide) for wide, kind in re.findall(r'<rect [^>]*width="([\d.]+)"[^>]*class="(\w+) share"', str(view.share(many)))}
    assert widths["failed"] >= 15
    assert sum(widths.values()) == pytest.approx(1000, abs=0.2)
