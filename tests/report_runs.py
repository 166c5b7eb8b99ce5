"""Runs for the tests of reports: a small scripted one, and what may go wrong with it; texts that must not do anything in a page."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from vs_sim import RunFolder, load_study, run_study
from vs_sim.records import Failure, StopReason, Transcript

HOSTILE = (
    "</script><script>alert(1)</script>",
    '<img src=x onerror="alert(2)"><svg onload=alert(3)>',
    "<!-- <script> ]]> &lt;b&gt; {{ 7 * 7 }} {% if %}",
    "\" onmouseover='alert(4)' `${alert(5)}` javascript:alert(6)",
    "x" * 100_000,
    "\u202egnihton evig I\u202c \u2066isolated\u2069 \u200f\u061c",
    "NUL \x00 bell \x07 escape \x1b[31m delete \x7f next \x85 line \u2028 paragraph \u2029",
    "tab\there\nand\r\nlines",
    "שלום, אני אתן 50 סנט. 😀 é ﷽",
)
"""What a model, a person or a file might say."""


def scripted_run(study: Path, out: Path) -> RunFolder:
    """A finished run of a study whose models are scripted."""
    folder = RunFolder(out)
    asyncio.run(run_study(load_study(study), folder))
    return folder


def rewrite(folder: RunFolder, change: Callable[[list[Transcript]], list[Transcript]]) -> None:
    """Puts other transcripts in the place of a run's."""
    changed = change(folder.transcripts())
    for path in (folder.path / "transcripts").glob("*.jsonl"):
        path.unlink()
    lines = "".join(json.dumps(t.model_dump(mode="json")) + "\n" for t in changed)
    (folder.path / "transcripts" / "00001.jsonl").write_text(lines, "utf-8")


def edit_manifest(folder: RunFolder, change: Callable[[dict[str, Any]], object]) -> None:
    """Changes the manifest of a run."""
    data = json.loads(folder.manifest_path.read_text("utf-8"))
    change(data)
    folder.manifest_path.write_text(json.dumps(data), "utf-8")


def failed(transcript: Transcript, message: str = "the endpoint is gone") -> Transcript:
    """The same conversation, failed."""
    failure = Failure(kind="ReplyError:no_candidates", message=message, step="t001", raw=message)
    return transcript.model_copy(update={"decision": None, "failure": failure, "stop_reason": StopReason.ERROR})


def hostile(transcripts: list[Transcript]) -> list[Transcript]:
    """The same conversations with hostile words said, considered and replied; the second one failed with them."""
    texts = iter(HOSTILE * 100)

    def turned(transcript: Transcript) -> Transcript:
        turns = []
        for turn in transcript.turns:
            text = next(texts)
            distribution = turn.distribution
            if distribution is not None:
                candidates = [c.model_copy(update={"text": next(texts), "repairs": ("<b>mended</b>",)}) for c in distribution.candidates]
                candidates[turn.drawn or 0] = candidates[turn.drawn or 0].model_copy(
                    update={"text": text, "stated": text, "above_tau": True}
                )
                calls = tuple(call.model_copy(update={"text": text, "model_returned": text[:60]}) for call in distribution.calls)
                distribution = distribution.model_copy(update={"candidates": tuple(candidates), "calls": calls, "repairs": (text[:99],)})
            turns.append(turn.model_copy(update={"text": text, "distribution": distribution}))
        return transcript.model_copy(update={"turns": tuple(turns)})

    changed = [turned(t) for t in transcripts]
    changed[1] = failed(changed[1], HOSTILE[0] + HOSTILE[1])
    return changed


class Page(HTMLParser):
    """A page as a browser would read it: its elements with their attributes, and the text of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag in ("script", "style"):
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in ("script", "style"):
            attributes, before = self.scripts[-1]
            self.scripts[-1] = (attributes, before + data)
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        """The text, with single spaces."""
        return re.sub(r"\s+", " ", "".join(self.text))

    def data(self, id_: str) -> Any:
        """What a block of data holds."""
        return unpacked(next(text for attributes, text in self.scripts if attributes.get("id") == id_))


def unpacked(text: str) -> Any:
    """What was packed."""
    return json.loads(gzip.decompress(base64.b64decode(text, validate=True)))
