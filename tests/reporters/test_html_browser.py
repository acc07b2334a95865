"""The page in a real browser: what it says, loads, looks like and lets a keyboard do."""

from __future__ import annotations

import os
import shutil
from functools import cache

import pytest

from mlops_stage.reporters.html import render

pytestmark = pytest.mark.browser

REQUIRED = os.environ.get("MLOPS_STAGE_REQUIRE_BROWSER") == "1"
NAMES = ("chromium", "chromium-browser", "google-chrome")

CONTRASTS = """
() => {
  const channels = colour => { const c = colour.match(/[\\d.]+/g).map(Number); return [c[0], c[1], c[2], c[3] ?? 1]; };
  const over = (top, below) => top.slice(0, 3).map((value, i) => value * top[3] + below[i] * (1 - top[3])).concat(1);
  const luminance = c => { const [r, g, b] = c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = node => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) layers.push(channels(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const cell = node => {  // a count stands on the shaded rectangle drawn before it
    let at = node.previousElementSibling;
    while (at && !at.classList.contains('cell')) at = at.previousElementSibling;
    if (!at) return null;
    const style = getComputedStyle(at);
    const fill = channels(style.fill);
    return over([...fill.slice(0, 3), Number(style.fillOpacity) * Number(style.opacity)], ground(node));
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let seen = 0;
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || node.closest('.unseen, title, desc, details:not([open]) > :not(summary)')) continue;
    const style = getComputedStyle(node);
    const vector = node.closest('svg') !== null;
    const below = (vector && node.matches('.count, .strong') && cell(node)) || ground(node);
    const ink = over(channels(vector ? style.fill : style.color), below);
    const [high, low] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    seen += 1;
    if (ratio < (large ? 3 : 4.5)) poor.push(`${walker.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return {seen, poor};
}
"""


def absent(reason):
    if REQUIRED:
        pytest.fail(f"MLOPS_STAGE_REQUIRE_BROWSER is 1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium():
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        absent("there is no Chromium: apt-get install chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("there is no client for the browser: pip install playwright")
    with sync_playwright() as client:
        # Chromium's own sandbox does not work for root, which is who runs in most containers.
        browser = client.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def rendered(runs):
    """The page of a run, made once."""
    return cache(lambda name: render(runs(name))["report.html"])


@pytest.fixture(scope="module")
def tab(chromium):
    """One tab for all pages: a new one is a new process of the browser. Complaints and requests are collected on it."""
    tab = chromium.new_context().new_page()
    tab.complaints, tab.requested = [], []
    tab.on("console", lambda message: tab.complaints.append(message.text))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("dialog", lambda dialog: (tab.complaints.append(dialog.message), dialog.dismiss()))
    tab.on("request", lambda request: tab.requested.append(request.url))
    return tab


@pytest.fixture
def show(tab, rendered, tmp_path):
    """The page of a run, opened."""

    def opened(name, *, scheme="light", width=1200):
        file = tmp_path / "report.html"
        file.write_text(rendered(name), encoding="utf-8")
        tab.set_viewport_size({"width": width, "height": 900})
        tab.emulate_media(media="screen", color_scheme=scheme)
        tab.complaints.clear()
        tab.requested.clear()
        tab.goto(file.as_uri())
        return tab

    return opened


@pytest.mark.parametrize("name", ["demo", "everything", "hostile", "crowded", "empty"])
def test_the_browser_has_nothing_to_complain_of_and_nothing_to_load(show, name):
    page = show(name)
    assert page.complaints == []
    assert [url for url in page.requested if not url.startswith("data:")] == [page.url]


def test_the_verdict_and_every_sentence_can_be_seen(show, runs):
    page = show("demo")
    assert page.get_by_role("heading", level=1).inner_text() == "1 gate failed"
    for report in runs("demo").reports:
        article = page.get_by_role("article", name=report.id, exact=True)
        for gate in report.gates:
            assert article.get_by_text(gate.sentence).first.is_visible()


def test_doubts_are_seen_before_the_verdict(show):
    page = show("everything")
    doubt = page.get_by_text("412 of 16,281 test rows").first.bounding_box()
    assert doubt["y"] < page.get_by_role("heading", level=1).bounding_box()["y"]
    assert doubt["y"] < 300


def test_a_screen_reader_finds_landmarks_tables_and_pictures(show):
    page = show("demo")
    for role in ("main", "banner", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    assert page.get_by_role("navigation", name="Reports").get_by_role("link").count() == 4
    assert page.get_by_role("img", name="recall: 0.651, 95 % interval 0.636 to 0.666; required: at least 0.7").count() == 1
    table = page.get_by_role("article", name="candidate").get_by_role("table", name="Overall")
    assert table.get_by_role("columnheader").all_inner_texts()[:2] == ["Metric", "Value"]
    assert "16,281" in table.get_by_role("row", name="accuracy 0.873").inner_text()


@pytest.mark.parametrize("name", ["demo", "everything", "hostile", "crowded", "empty"])
def test_a_narrow_page_never_scrolls_sideways(show, name):
    page = show(name, width=320)
    for width in (320, 768):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("window.innerWidth") == width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        wide = "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, svg, .unseen, details:not([open])')"
        assert page.evaluate(f"{wide} && e.getBoundingClientRect().right > {width} + 1).map(e => e.outerHTML.slice(0, 80))") == []


@pytest.mark.parametrize("name", ["everything", "hostile"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_the_contrast_that_wcag_aa_asks(show, name, scheme):
    page = show(name, scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    found = page.evaluate(CONTRASTS)
    assert found["poor"] == []
    assert found["seen"] > 100


def test_the_contrast_is_measured_and_not_assumed(show):
    page = show("demo")
    page.evaluate("document.querySelector('h1').style.color = '#bbb'")
    assert [text.split(":")[0] for text in page.evaluate(CONTRASTS)["poor"]] == ["1 gate failed"]


def test_both_colour_schemes_are_really_different(show):
    grounds = {
        scheme: show("demo", scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor") for scheme in ("light", "dark")
    }
    assert grounds == {"light": "rgb(250, 249, 246)", "dark": "rgb(18, 20, 24)"}


def test_a_keyboard_reaches_the_reports_and_opens_what_is_folded(show):
    page = show("demo")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the reports"
    page.keyboard.press("Enter")
    page.wait_for_url("**#reports")
    folded = page.get_by_text("precision by slice").first
    folded.focus()
    assert page.get_by_role("table", name="precision by slice").count() == 0
    page.keyboard.press("Enter")
    assert page.get_by_role("table", name="precision by slice").is_visible()


def test_print_is_light_and_hides_nothing_that_matters(show):
    page = show("demo", scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.get_by_role("navigation").is_visible()
    assert page.get_by_text("precision by slice").first.is_visible()
    assert page.evaluate("document.querySelector('details:not([open]) table').getBoundingClientRect().height") > 50
    assert page.pdf().startswith(b"%PDF")
