"""vs-sim report of runs of single prompts: one page, whatever state they are in and whatever stands in them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from analysis.prompt_facts import prompt_facts
from analysis.report_prompts import design
from tests.prompt_runs import CITY, asking, replied, written
from tests.report_runs import HOSTILE, Page, edit_manifest, scripted_run
from tests.runs import MODEL, call
from vs_sim.cli import main
from vs_sim.records import Failure
from vs_sim.store import RunFolder

OTHER = "openai:another"
DIRECT, VS, LIST = (
    {"name": "direct", "method": "direct"},
    {"name": "vs", "method": "vs_standard", "k": 2},
    {"name": "list", "method": "sequence", "k": 2},
)
TOWN = {"id": "town", "text": "Name a town of France.", "answers": [{"text": "Nice"}, {"text": "Lyon"}]}
REFUSED = Failure(kind="ReplyError:refused", message="the model refused", step="t000", raw="I can't help with that.")


def report(capsys: pytest.CaptureFixture[str], out: Path, *runs: Path, code: int = 0) -> Page:
    assert main(["report", *map(str, runs), "--out", str(out)]) == code
    assert str(out) in capsys.readouterr().out
    return Page(out.read_text("utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    """A run of two models and its page."""
    run = of_two_models(
        tmp_path_factory.mktemp("whole") / "run", question="Does <b>it</b>?", measures=["words", "coverage", "accuracy", "refusals"]
    )
    assert main(["report", str(run)]) == 0
    return run, Page((run / "report.html").read_text("utf-8"))


def of_two_models(path: Path, prompts: Sequence[dict[str, Any]] = (CITY, TOWN), **study: Any) -> Path:
    """Every prompt asked of two models under three conditions; one asking failed, and one was not run."""
    replies, planned, rows = [], [], []
    for p, prompt in enumerate(prompts):
        for m, model in enumerate((MODEL, OTHER)):
            where = {"prompt": prompt["id"], "model": model}
            for i in range(3):
                spec = asking(f"{p}{m}d{i}", condition="direct", replicate=i, **where)
                rows.append((spec.id, call("t000.0")))
                if (p, m, i) == (0, 0, 2):
                    replies.append(replied(spec, failure=REFUSED))
                else:
                    replies.append(replied(spec, ("Paris", "It is Lyon.", "Rome or so")[(i + p) % 3]))
            for i in range(2):
                spec = asking(f"{p}{m}v{i}", condition="vs", replicate=i, **where)
                if (p, m, i) == (len(prompts) - 1, 1, 1):
                    planned.append(spec)
                else:
                    replies.append(replied(spec, ("Paris", "Nice")[i], "Lyon, the city", stated=["60 %", 0.4]))
            replies.append(replied(asking(f"{p}{m}l", condition="list", **where), "Paris, France", "Lyon"))
    keys = {"models": [MODEL, OTHER], "conditions": [DIRECT, VS, LIST], "prompts": list(prompts), "measures": ["words"], **study}
    return written(path, replies, planned, rows, **keys)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.])[<+-]?(?:\d[\d,]*)?\.?\d+(?![\w.]*\w)", text))


def test_everything_is_there_in_order(whole: tuple[Path, Page]) -> None:
    _, page = whole
    expected = [
        "run. This run is unfinished: 22 of 24 askings are complete, 2 missing (ReplyError:refused 1, not run 1).",
        "Contents The study",
        "Does <b>it</b>?",
        "That.",
        "single prompts",
        "2, 2 of them with right answers",
        "24 planned, 22 complete, 1 failed, 1 not run",
        "84 in, 24 out",
        f"not known: no price for {MODEL}",
        "Conditions: how each prompt is asked.",
        "Right answers found",
        "Drawn replies against the reference",
        "How different the replies",
        "Right answers: mean over the prompts",
        "Refusals: mean over the prompts",
        "Methods against each other",
        "vs minus direct",
        "Failures and missing askings",
        "t000: the model refused",
        "Side by side",
    ]
    at = -1
    for words in expected:
        assert words in page.words[at + 1 :], words
        at = page.words.index(words, at + 1)
    figures = [a for tag, a in page.elements if tag == "img"]
    assert len(figures) >= 3
    assert all(str(a["src"]).startswith("data:image/svg+xml;base64,") and a["alt"] for a in figures)
    assert not any(tag == "section" and a.get("id") == "transcripts" for tag, a in page.elements)
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))


@pytest.mark.slow
def test_every_number_of_the_terminal_is_on_the_page(whole: tuple[Path, Page], capsys: pytest.CaptureFixture[str]) -> None:
    run, page = whole
    assert main(["compare", str(run)]) == 0
    said = numbers(capsys.readouterr().out.split("tables: ")[0])
    assert len(said) > 40
    assert said <= numbers(" ".join(page.text))


def test_the_replies_stand_in_columns_with_what_is_known_of_them(whole: tuple[Path, Page]) -> None:
    _, page = whole
    index, (city, town) = page.data("prompt-index"), page.data("part-0")
    (run,) = index["runs"]
    assert [(arm["condition"], arm["model"], arm["stated"]) for arm in run["arms"]][:3] == [
        ("direct", MODEL, False),
        ("vs", MODEL, True),
        ("list", MODEL, False),
    ]
    assert len(run["arms"]) == 6
    assert run["measures"] == ["words"]
    assert [(row["id"], row["part"], row["place"]) for row in index["rows"]] == [("city", 0, 0), ("town", 0, 1)]
    assert index["rows"][0]["missing"] == [1, 0, 0, 0, 0, 0]
    assert index["rows"][1]["missing"] == [0, 0, 0, 0, 1, 0]
    assert all(re.fullmatch(r"1?\.\d+|-", text) for row in index["rows"] for text in row["distances"][0])
    direct, vs = city["columns"][:2]
    assert [one.get("failure", {}).get("raw") for one in direct["askings"]] == [None, None, "I can't help with that."]
    assert [one["marks"] for one in direct["askings"][0]["candidates"]] == [["right: Paris"]]
    assert [one["marks"] for one in vs["askings"][1]["candidates"]] == [[None], ["right: Lyon"]]
    assert [one["stated"] for one in vs["askings"][0]["candidates"]] == ["60 %", "0.4"]
    assert vs["askings"][0]["drawn"] == 0
    assert town["columns"][4]["not_run"] == 1
    assert city["answers"] == ["Paris", "Lyon"]


def test_words_of_models_and_files_make_no_element(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = [{"id": f"p{i}", "text": text, "answers": [{"text": "1" + text[:200]}], "source": text} for i, text in enumerate(HOSTILE)]
    replies = [replied(asking(f"{i}", prompt=f"p{i}"), text, "b", stated=[text, 1]) for i, text in enumerate(HOSTILE[:-1])]
    failure = Failure(kind="<b>ReplyError</b>", message=HOSTILE[0], step=HOSTILE[1], raw=HOSTILE[1])
    replies.append(replied(asking("f", prompt=f"p{len(HOSTILE) - 1}"), failure=failure))
    models = ["openai:<script>alert(1)</script>"]
    specs = [one.model_copy(update={"spec": one.spec.model_copy(update={"model": models[0]})}) for one in replies]
    run = written(
        tmp_path / "a <i>run&lt;",
        specs,
        prompts=prompts,
        models=models,
        conditions=[VS],
        measures=["words", "coverage"],
        question=HOSTILE[0],
        prediction=HOSTILE[5],
    )
    page = report(capsys, tmp_path / "r.html", run)
    assert "a <i>run&lt;" in page.words
    assert "<b>ReplyError</b>" in page.words
    assert not any(tag in ("b", "i", "svg", "iframe") for tag, _ in page.elements)
    assert len([tag for tag, _ in page.elements if tag == "script"]) == 4
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert not any("://" in str(a.get(name)) for _, a in page.elements for name in ("src", "href"))
    packed = page.data("part-0")
    assert {one["text"] for one in packed} == set(HOSTILE)
    assert {c["text"] for one in packed for asked in one["columns"][0]["askings"] for c in asked.get("candidates", ())} >= set(HOSTILE[:-1])


def test_one_prompt_alone_has_no_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = report(capsys, tmp_path / "r.html", of_two_models(tmp_path / "run", [CITY]))
    text = re.sub(r"\s+", " ", " ".join(page.text))
    tests = text[text.index("Distances within a method") : text.index("Distance within a method: mean")]
    assert re.search(r"vs minus direct 1 \S+ - - - -", tests)
    assert "Side by side (1 prompt)" in page.words


def test_distances_are_there_where_the_study_measures_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = report(capsys, tmp_path / "r.html", of_two_models(tmp_path / "run", measures=["coverage"]))
    assert "The study measures no diversity: distances are in words" in page.words
    assert page.data("prompt-index")["runs"][0]["measures"] == ["words"]
    assert "How different the replies" not in page.words


def test_a_run_that_has_just_begun_says_so_at_the_top(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "run", planned=[asking("a"), asking("b", replicate=1)], measures=["words"])
    page = report(capsys, tmp_path / "r.html", run)
    assert page.words.index("run. This run is empty: 2 askings are planned, none has been recorded.") < page.words.index("Contents")
    assert page.data("part-0")[0]["columns"][0]["not_run"] == 2
    assert not any(tag == "img" for tag, _ in page.elements)


def test_a_run_that_failed_altogether_counts_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "run", [replied(asking("a"), failure=REFUSED)], measures=["refusals", "words"], conditions=[VS])
    page = report(capsys, tmp_path / "r.html", run)
    assert "No asking of this run is complete: of 1 planned, ReplyError:refused 1." in page.words
    assert "Refusals: mean over the prompts" in page.words


@pytest.mark.parametrize(
    ("tokens", "prices", "sentence"),
    [
        ((7, 2), {MODEL: {"input": 1e6, "output": 5e5}}, "Dollars$16.00"),
        ((7, 2), {}, f"Dollarsnot known: no price for {MODEL}"),
        ((7, None), {MODEL: {"input": 1.0, "output": 1.0}}, "Dollarsnot known: tokens are missing"),
        ((7, None), {}, "Tokensnot known: not counted in 2 of 2 answers"),
    ],
)
def test_what_it_cost_is_known_or_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tokens: Any, prices: Any, sentence: str
) -> None:
    rows = [("a", call("t000.0", "raw", *tokens)), ("a", call("t000.0.again1", "raw", *tokens))]
    run = written(tmp_path / "run", [replied(asking("a"), "Paris", "Lyon")], rows=rows, measures=["words"])
    edit_manifest(RunFolder(run), lambda data: data["starts"].append({"at": "2026-01-01T00:00:00+00:00", "run": {"prices": prices}}))
    page = report(capsys, tmp_path / "r.html", run)
    assert sentence in page.words
    assert "Calls2, 1 of them to a repeated request" in page.words


def test_requests_are_shown_as_they_were_sent(prompt_study: Any, endpoint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint.reply = lambda body: '{"candidates": [{"reply": "Paris", "probability": 1}, {"reply": "Lyon", "probability": 1}]}'
    run, options = tmp_path / "run", {"base_url": endpoint.url}
    path = prompt_study.write(n_replies=2, models="openai:x", conditions=[VS], measures=["words"], run=options)
    assert main(["run", str(path), "--out", str(run)]) == 0
    page = report(capsys, tmp_path / "r.html", run)
    requests = [re.sub(r"\s+", " ", body["messages"][0]["content"]) for body in endpoint.bodies]
    (sent,) = (one for one in requests if one.startswith("Name a city of France."))
    assert f"request of vs, as sent for the prompt city {sent}" in page.words
    edit_manifest(RunFolder(run), lambda data: data["study"].update(prompts_sha256="of another version"))
    other = report(capsys, tmp_path / "other.html", run)
    assert "as sent for the prompt" not in other.words
    assert "text method/vs_standard" in other.words


@pytest.mark.slow
def test_runs_of_both_kinds_stand_in_one_report(study_folder: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    talks = scripted_run(study_folder.write(rounds=1), tmp_path / "talks")
    first, second = (of_two_models(tmp_path / name, measures=["refusals"]) for name in ("first", "second"))
    page = report(capsys, tmp_path / "r.html", first, talks.path, second)
    sections = [a.get("id") for tag, a in page.elements if tag == "section"]
    assert {"run-1", "run-2", "run-3", "replies", "transcripts", "overview"} <= set(sections)
    assert [one["name"] for one in page.data("prompt-index")["runs"]] == ["first", "second"]
    assert [row["part"] for row in page.data("prompt-index")["rows"]] == [1, 1, 1, 1], "behind the conversations"
    assert len(page.data("index")["rows"]) == 8
    overview = page.words[page.words.index("Every condition of every run of prompts") :]
    head = overview[: overview.index("direct")]
    assert "refused" in head
    assert "meaning" not in head, "no run measures it"
    assert overview.index("first") < overview.index("second")
    assert "Every condition of every run, with" not in page.words, "of a single run of dialogues"


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = (of_two_models(tmp_path / name, measures=["refusals"]) for name in ("good", "bad"))
    edit_manifest(RunFolder(bad), lambda data: data["study"].update(measures=["taste"]))
    page = report(capsys, tmp_path / "r.html", good, bad, code=1)
    assert "bad could not be read and is not in this report" in page.words
    assert main(["report", str(bad), "--out", str(tmp_path / "x.html")]) == 2
    assert "the study is damaged" in capsys.readouterr().err
    assert not (tmp_path / "x.html").exists()


def test_a_temperature_that_some_conditions_name_is_not_said_of_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cold, warm = {**DIRECT, "temperature": 0.1}, {**VS, "temperature": 1.5}
    for name, conditions, said in (
        ("all", [cold, warm, {**LIST, "temperature": 1.0}], None),
        ("some", [cold, VS, LIST], "0.7 unless a condition names its own"),
        ("none", [DIRECT, VS, LIST], "0.7"),
    ):
        run = of_two_models(tmp_path / name, conditions=conditions, temperature=0.7, top_p=0.9)
        facts = prompt_facts(RunFolder(run).any_manifest(), RunFolder(run).planned_askings(), RunFolder(run).responses(), [])
        shown = dict(design(facts))
        assert (shown.get("Temperature"), shown["Top-p"]) == (said, "0.9")
    page = report(capsys, tmp_path / "some.html", tmp_path / "some")
    assert "0.7 unless a condition names its own" in page.text
