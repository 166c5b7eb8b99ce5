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
from tests.prompt_runs import asking, replied, written
from tests.report_runs import HOSTILE, hostile, rewrite, scripted_run
from vs_sim.cli import main
from vs_sim.records import Failure

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(chromium() is None, reason="no Chromium on the path (Debian: apt-get install chromium), and none named by CHROMIUM"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="the package playwright is not installed"),
]


def test_a_report_with_hostile_words_is_used_without_harm(study_folder: StudyFolder, tmp_path: Path) -> None:
    folder = scripted_run(study_folder.write(question="</script><script>alert(7)</script>"), tmp_path / "mine")
    rewrite(folder, hostile)
    assert main(["report", str(folder.path), "--out", str(tmp_path / "r.html")]) == 0
    seen = check(tmp_path / "r.html", tmp_path / "pictures")
    assert (seen["n"], seen["partners"]) == ("8 of 8 conversations", 1)


def test_replies_to_hostile_prompts_stand_in_columns(tmp_path: Path) -> None:
    prompts = [{"id": f"p{i}", "text": text} for i, text in enumerate(HOSTILE)]
    replies = [replied(asking(f"v{i}", prompt=f"p{i}"), text, "b", stated=[text, 1]) for i, text in enumerate(HOSTILE[:-1])]
    replies += [replied(asking(f"d{i}", prompt=f"p{i}", condition="direct"), text) for i, text in enumerate(HOSTILE)]
    failure = Failure(kind="<b>ReplyError</b>", message=HOSTILE[0], step=HOSTILE[1], raw=HOSTILE[1])
    replies.append(replied(asking("f", prompt=f"p{len(HOSTILE) - 1}"), failure=failure))
    run = written(tmp_path / "run", replies, prompts=prompts, measures=["words"], question=HOSTILE[0])
    assert main(["report", str(run), "--out", str(tmp_path / "r.html")]) == 0
    seen = check(tmp_path / "r.html", tmp_path / "pictures")
    assert (seen["prompts"], seen["columns"], seen["failures"]) == ("9 of 9 prompts", 2, 1)


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
