"""Opens a report in a real browser and uses it as a reader would; pictures go to a folder.

    python tests/browser/check_report.py REPORT.html PICTURES

It needs the package playwright and a Chromium (named by the variable CHROMIUM, or `chromium` on the path). It ends with an error if the
page says anything on its console, asks for anything outside its own folder, or opens a dialog.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """Path of the browser; None if there is none."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def until(page: Any, condition: str, argument: Any = None, seconds: float = 120) -> None:
    """Waits for a condition; the page's own policy forbids playwright's way, which evaluates text within it."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition, argument):
        if time.monotonic() > end:
            raise AssertionError(f"not so after {seconds:g} s: {condition}")
        time.sleep(0.02)


@contextmanager
def opened(report: Path, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """A page with the report in it, and what went wrong so far."""
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []

    def requested(request: Any) -> None:
        own = report.resolve().parent.as_uri()
        if not request.url.startswith((own, "data:", "blob:")):
            wrong.append(f"asked for {request.url[:200]}")

    def dialog(box: Any) -> None:
        wrong.append(f"opened a dialog: {box.message}")
        box.dismiss()

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(profile, executable_path=chromium(), headless=True, args=FLAGS, **options)
        try:
            page = context.new_page()
            page.on("console", lambda said: wrong.append(f"console: {said.type}: {said.text}"))
            page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
            page.on("request", requested)
            page.on("dialog", dialog)
            page.goto(report.resolve().as_uri())
            until(page, "() => document.getElementById('found')?.textContent.includes('conversations') ?? true")
            yield page, wrong
        finally:
            context.close()


def check(report: Path, pictures: Path) -> dict[str, Any]:
    """Uses a report; returns what was seen.

    Raises:
        AssertionError: the page does not do what it should.
    """
    pictures.mkdir(parents=True, exist_ok=True)
    seen: dict[str, Any] = {}
    with opened(report, viewport={"width": 1280, "height": 900}) as (page, wrong):
        seen["seconds_to_open"] = round(page.evaluate("performance.now()") / 1000, 2)  # since the page was asked for
        page.screenshot(path=pictures / "01-top.png")
        page.screenshot(path=pictures / "02-whole.png", full_page=True)
        assert page.locator("h1").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the window"
        seen["elements_from_text"] = page.locator("bdi *:not(.mark)").count()
        assert seen["elements_from_text"] == 0
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for id_ in page.eval_on_selector_all("nav a", "links => links.map((a) => a.hash.slice(1))"):
            assert page.locator(f"[id='{id_}']").count() == 1, f"the contents point to {id_!r}, which is not there once"
        if page.locator("#filters").count():
            _transcripts(page, pictures, seen)
        if page.locator("#prompt-filters").count():
            _replies(page, pictures, seen)
        page.emulate_media(color_scheme="dark")
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=pictures / "07-dark.png")
        page.screenshot(path=pictures / "08-dark-whole.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.pdf(path=pictures / "report.pdf", format="A4", margin={"top": "15mm", "bottom": "15mm", "left": "14mm", "right": "14mm"})
        page.set_viewport_size({"width": 400, "height": 800})
        page.screenshot(path=pictures / "09-narrow.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than a narrow window"
        assert not wrong, wrong
    return seen


def _transcripts(page: Any, pictures: Path, seen: dict[str, Any]) -> None:
    """Filters, opens, expands, sets beside."""
    found = page.locator("#found")
    n_all = found.text_content()
    seen["n"] = n_all
    page.locator("#transcripts").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('transcripts').scrollIntoView()")
    page.screenshot(path=pictures / "03-list.png")
    page.evaluate(
        """() => { window.since = performance.now(); window.took = null;
        new MutationObserver(() => { window.took ??= performance.now() - window.since; })
            .observe(document.getElementById('found'), { childList: true, characterData: true, subtree: true }); }"""
    )
    page.evaluate("() => { window.since = performance.now(); }")
    page.select_option("select[name=outcome]", "some")
    until(page, "() => window.took !== null")
    seen["ms_to_filter"] = round(page.evaluate("window.took"))
    if page.locator("#list tbody button").count():
        shown = page.locator("#list tbody tr td:nth-last-child(3)").all_text_contents()
        assert all(cell not in ("missing", "$0.00") for cell in shown), shown
    page.click("button[type=reset]")
    until(page, "text => document.getElementById('found').textContent === text", n_all)
    since = time.monotonic()
    page.fill("input[name=words]", "zzz no such words zzz")
    until(page, "() => document.getElementById('found').textContent.startsWith('0 of')")
    seen["seconds_to_search_all"] = round(time.monotonic() - since, 2)
    page.click("button[type=reset]")
    until(page, "text => document.getElementById('found').textContent === text", n_all)
    _open(page, page.locator("#list tbody button").last)
    page.screenshot(path=pictures / "04-conversation.png")
    for summary in page.locator("#reader summary").all()[:200]:
        summary.click()
    page.screenshot(path=pictures / "05-expanded.png", full_page=False)
    assert page.locator("#reader bdi *:not(.mark)").count() == 0
    beside = page.locator("#beside")
    options = beside.locator("option").count()
    seen["partners"] = options - 1
    if options > 1:
        beside.select_option(index=1)
        page.wait_for_selector(".pair.two")
        for summary in page.locator("#reader .turn summary").all()[:8]:
            summary.click()
        page.evaluate("document.getElementById('reader').scrollIntoView()")
        page.screenshot(path=pictures / "06-side-by-side.png")


def _replies(page: Any, pictures: Path, seen: dict[str, Any]) -> None:
    """Opens prompts, chooses columns, searches."""
    until(page, "() => !document.getElementById('prompt-reader').hidden")
    seen["prompts"] = page.locator("#prompt-found").text_content()
    seen["columns"] = page.locator("#prompt-reader .column").count()
    page.locator("#replies").screenshot(path=pictures / "10-side-by-side.png")
    for summary in page.locator("#prompt-reader summary").all()[:50]:
        summary.click()
    assert page.locator("#prompt-reader bdi *:not(.mark)").count() == 0
    last = page.locator("#prompt-list tbody button").last
    name = last.text_content()
    last.focus()
    page.keyboard.press("Enter")  # by the keyboard alone
    until(page, "name => document.querySelector('#prompt-reader h3').textContent.includes(name)", name)
    seen["failures"] = page.locator("#prompt-reader .failure").count()
    page.locator("#prompt-columns").click()
    page.locator("#prompt-conditions input").first.uncheck()
    until(page, "n => document.querySelectorAll('#prompt-reader .column').length < n", seen["columns"])
    page.fill("#prompt-filters input[name=words]", "zzz no such words zzz")
    until(page, "() => document.getElementById('prompt-found').textContent.startsWith('0 of')")
    page.fill("#prompt-filters input[name=words]", "")
    until(page, "text => document.getElementById('prompt-found').textContent === text", seen["prompts"])


def _open(page: Any, button: Any) -> None:
    button.focus()
    page.keyboard.press("Enter")  # by the keyboard alone
    page.wait_for_selector("#reader .turn, #reader .foot")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    print(check(Path(sys.argv[1]), Path(sys.argv[2])))
