"""The report's page in headless Chromium, driven through chromedriver's own protocol; skipped where there is none."""

import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import records

from rnnsweep.report import cli

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --window-size=1200,900"
)

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver")


class Browser:
    """A session of chromedriver: the few commands of the WebDriver protocol that these tests need."""

    def __init__(self, port: int, profile: Path):
        self.base = f"http://127.0.0.1:{port}/session"
        options = {"binary": CHROMIUM, "args": [*FLAGS.split(), f"--user-data-dir={profile}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        found = self.ask("", {"capabilities": {"alwaysMatch": wanted}})
        self.base += f"/{found['sessionId']}"

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:
        data = None if method != "POST" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, page: Path, fragment: str = "") -> None:
        self.ask("/url", {"url": f"{page.as_uri()}{fragment}"})

    def run(self, script: str, *arguments: Any) -> Any:
        return self.ask("/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self.ask("/goog/cdp/execute", {"cmd": command, "params": parameters})


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    assert DRIVER is not None
    driver = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    port = next(int(found[1]) for line in driver.stdout if (found := re.search(r"successfully on port (\d+)", line)))
    session = Browser(port, tmp_path_factory.mktemp("profile"))
    try:
        yield session
    finally:
        session.ask("", method="DELETE")
        driver.terminate()
        driver.wait()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    for size in (8, 16, 64, 128):
        for cell, gain in (("gru", 0.0), ("lstm", 0.1)):
            for seed in range(3):
                loss = 3 - gain - size / 100 + seed / 1000
                status = "diverged" if (cell, size, seed) == ("gru", 8, 2) else "complete"
                shown = {
                    "samples": [{"prompt": "<b>", "temperature": 0.8, "top_k": 0, "text": "<img src=x onerror=boom()>"}]
                }
                records.run(folder / "s", loss, status, shown, 3, cell=cell, cell__hidden_size=size, seed=seed)
    cli.main([str(folder / "s"), "--out", str(folder / "report")])
    return folder / "report" / "report.html"


COLUMN = """
const table = document.querySelector('#table-leaderboard-charlm table');
const head = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === arguments[0]);
return [...table.tBodies[0].rows].filter(row => !row.hidden).map(row => row.cells[head].textContent);
"""
CLICK = """
const heads = document.querySelectorAll('#table-leaderboard-charlm th');
[...heads].find(cell => cell.textContent === arguments[0]).querySelector('button').click();
"""


def test_a_table_is_sorted_by_its_numbers(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(CLICK, "parameters")
    up = browser.run(COLUMN, "parameters")
    assert up == ["192", "256", "768", "1.02 k", "12.3 k", "16.4 k", "49.2 k", "65.5 k"]
    browser.run(CLICK, "parameters")
    assert browser.run(COLUMN, "parameters") == up[::-1]
    browser.run(CLICK, "rank")
    assert browser.run(COLUMN, "rank") == [str(rank) for rank in range(1, 9)]


def test_rows_are_filtered_by_words(browser: Browser, page: Path) -> None:
    browser.open(page)
    script = "const i = document.querySelector('#table-leaderboard-charlm .filter'); i.value = arguments[0];"
    browser.run(script + "i.dispatchEvent(new Event('input'))", "LSTM size=1")
    assert len(browser.run(COLUMN, "setting")) == 2
    browser.run(script + "i.dispatchEvent(new Event('input'))", "")
    assert len(browser.run(COLUMN, "setting")) == 8


def test_a_number_leads_to_its_runs(browser: Browser, page: Path) -> None:
    browser.open(page)
    click = "document.querySelector('#table-leaderboard-charlm tbody td:nth-child(5) a').click(); return location.hash"
    target = browser.run(click)
    assert target.startswith("#setting-charlm-")
    seen = (
        "const r = document.querySelector(':target').getBoundingClientRect(); return r.top >= 0 && r.top < innerHeight"
    )
    assert browser.run(seen)
    run = browser.run("document.querySelector(':target a').click(); return document.querySelector(':target').id")
    assert run.startswith("run-charlm")
    href = browser.run("return document.querySelector(':target a').getAttribute('href')")
    assert (page.parent / href / "record.json").exists()


def test_text_of_a_run_stays_text_and_nothing_is_loaded(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.run("return document.querySelectorAll('pre img').length") == 0
    assert "<img src=x onerror=boom()>" in browser.run("return document.querySelector('.sample pre').textContent")
    assert browser.run("return performance.getEntriesByType('resource').length") == 0
    errors = [entry for entry in browser.ask("/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]
    assert errors == []


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, page: Path) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.devtools("Emulation.setDeviceMetricsOverride", **phone)
    browser.open(page)
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    browser.devtools("Emulation.clearDeviceMetricsOverride")


def test_the_dark_page_has_legible_figures(browser: Browser, page: Path) -> None:
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    browser.open(page)
    text = "return getComputedStyle(document.querySelector('.drawing svg text')).fill"
    paper = "return getComputedStyle(document.body).backgroundColor"

    def brightness(script: str) -> float:
        return sum(map(float, re.findall(r"[\d.]+", browser.run(script))[:3])) / 3

    assert brightness(text) > 150
    assert brightness(paper) < 60
    browser.devtools("Emulation.setEmulatedMedia", features=[])


def test_without_javascript_all_is_there(browser: Browser, page: Path) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(page)
    browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.run("return document.querySelectorAll('table tbody tr').length") > 40
    assert browser.run("return document.querySelectorAll('.filter, th button').length") == 0
    assert browser.run("return document.querySelectorAll('figure svg').length") > 5
