"""Reports in a real Chromium, used as a reader would: hostile words do nothing, nothing is asked for, nothing is said on the console."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from analysis.report_page import write
from analysis.report_transcripts import pack
from tests.analysis.test_report import recorded, report, transcript
from tests.browser.check_report import check, chromium, opened, until
from tests.conftest import StudyFolder
from tests.report_runs import hostile, rewrite, scripted_run
from vs_sim.cli import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on the path (Debian: apt-get install chromium), and none named by CHROMIUM"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="the package playwright is not installed"),
]


def test_a_report_with_hostile_words_is_used_without_harm(study_folder: StudyFolder, tmp_path: Path) -> None:
    folder = scripted_run(study_folder.write(question="</script><script>alert(7)</script>"), tmp_path / "mine")
    rewrite(folder, hostile)
    assert main(["report", str(folder.path), "--out", str(tmp_path / "r.html")]) == 0
    seen = check(tmp_path / "r.html", tmp_path / "pictures")
    assert (seen["n"], seen["partners"]) == ("8 of 8 conversations", 1)


def test_transcripts_beside_the_page_are_read_from_the_disk(tmp_path: Path) -> None:
    transcripts = hostile([transcript(i) for i in range(120)])
    path, beside = write(report(), pack([recorded(*transcripts)]), tmp_path / "a report #1 50%.html", largest=100)
    seen = check(path, tmp_path / "pictures")
    assert seen["n"] == "120 of 120 conversations"
    shutil.rmtree(beside)
    with opened(path) as (page, _):
        page.locator("#list tbody button").first.click()
        until(page, "() => !document.getElementById('trouble').hidden")
        assert "must lie beside this file" in page.locator("#trouble").text_content()
