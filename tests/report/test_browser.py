"""The report as people meet it: opened in a real Chromium that has no network, on a desk, on a phone, in the dark."""

import csv
import itertools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small import small

from leakdrill.referee.drill import Drill
from leakdrill.referee.local import LocalParties
from leakdrill.report import write_report

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
]

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def report(parties: LocalParties, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small real drill, with the pictures of those who are most exposed."""
    run_dir = tmp_path_factory.mktemp("runs") / "small"
    with Drill(small(), out=run_dir, parties=parties) as drill:
        drill.run()
    return write_report(run_dir, include_examples=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any, report: Path) -> Iterator[Open]:
    """Opens the report, and fails for whatever the browser complains of or asks the network for."""
    contexts, complaints = [], list[str]()

    def open_it(width: int = 1200, theme: str = "light") -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, offline=True)
        context.set_default_timeout(120_000)  # milliseconds, on a busy machine
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: _note_request(request.url, complaints))
        page.goto(report.as_uri())
        page.wait_for_selector("html[data-drawn]")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert complaints == []


def _note_request(url: str, complaints: list[str]) -> None:
    if not url.startswith(("file:", "data:")):
        complaints.append(f"asked for {url}")


def test_every_chart_is_drawn_and_says_what_it_shows(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    num_charts = page.locator("script[data-chart]").count()
    assert num_charts >= 5
    drawn = page.locator(".plot .chart-wrapper svg, .plot > svg")
    assert drawn.count() == num_charts
    assert all(each.bounding_box()["width"] > 200 for each in drawn.all())
    assert all(each.get_attribute("aria-label") for each in page.locator(".plot").all())
    _photograph(page, tmp_path / "desk.png")


def test_a_phone_never_scrolls_sideways(open_page: Open, tmp_path: Path) -> None:
    page = open_page(width=360)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    _photograph(page, tmp_path / "phone.png")


def test_the_dark_theme_reaches_the_charts(open_page: Open, tmp_path: Path) -> None:
    light, dark = open_page(), open_page(theme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    label = "document.querySelector('.plot svg .role-axis-label text').getAttribute('fill')"
    for look in (background, label):
        assert light.evaluate(look) != dark.evaluate(look)
    light.emulate_media(color_scheme="dark")
    light.wait_for_function(f"{label} === {dark.evaluate(label)!r}")  # drawn again when the theme changes
    _photograph(dark, tmp_path / "dark.png")


def test_paper_is_light_whatever_the_theme(open_page: Open) -> None:
    label = "document.querySelector('.plot svg .role-axis-label text').getAttribute('fill')"
    card = "getComputedStyle(document.querySelector('.chart')).backgroundColor"
    light = open_page()
    on_paper = [light.evaluate(label), light.evaluate(card)]

    page = open_page(theme="dark")
    on_screen = [page.evaluate(label), page.evaluate(card)]
    assert not set(on_paper) & set(on_screen)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # as the browser's own dialogue does
    assert [page.evaluate(label), page.evaluate(card)] == on_paper
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert [page.evaluate(label), page.evaluate(card)] == on_screen
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function(f"{label} === {on_paper[0]!r}")
    assert page.evaluate(card) == on_paper[1]


def test_the_keyboard_reaches_tables_and_buttons_and_a_table_is_copied(open_page: Open) -> None:
    page = open_page()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the findings"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("button[data-copy=attacks-table]").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('said').textContent === 'Copied.'")
    head, *rows = csv.reader(page.evaluate("navigator.clipboard.readText()").splitlines())
    assert head[:3] == ["attack", "AUC", "accuracy"]
    assert [row[0].split()[0] for row in rows] == ["gap", "after", "baseline"]


def test_headings_landmarks_and_pictures_are_there_for_those_who_listen(open_page: Open) -> None:
    page = open_page()
    assert page.locator("h1").count() == page.locator("main").count() == page.locator("nav").count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((each) => Number(each.tagName[1]))")
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    pictures = page.locator("#exposed img")
    assert pictures.count() > 5  # digits can be read again
    assert all(each.get_attribute("alt") for each in pictures.all())
    assert page.locator("svg.map desc").inner_html().startswith("1. By contract")


def _photograph(page: Any, where: Path) -> None:
    page.screenshot(path=where, full_page=True)
    assert where.stat().st_size > 20_000
