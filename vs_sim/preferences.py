"""Preferences between replies to the same prompt, from a file: rated replies as HelpSteer has them, or pairs.

HelpSteer (nvidia/HelpSteer, arXiv 2311.09528) has a row for each reply: prompt, response, and helpfulness, correctness, coherence,
complexity and verbosity, each from 0 to 4. Two replies to a prompt are a preference where their correctness is equal and their
helpfulness differs.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_sim.entry_files import Entry, Kind, read_entries
from vs_sim.errors import InputError
from vs_sim.records import Record

if TYPE_CHECKING:
    from vs_sim.text_score import TextScore

PREFERENCE = Kind("preference", InputError)
_MOST = 1e9
"""Ratings, nats or tokens: what is beyond is a slip, and would overflow what is computed from it."""


class Reply(Record):
    """A reply, and how probable the reference model finds it.

    Attributes:
        text: of the reply.
        log_pi: natural logarithm of its probability given the prompt, at most 0; None if the file does not say.
        n_tokens: its length in tokens of that model; None likewise.
    """

    text: str
    log_pi: float | None = None
    n_tokens: int | None = None


class Preference(Record):
    """Two replies to a prompt, as correct as each other, one of which was preferred."""

    prompt: str
    preferred: Reply
    other: Reply


class Preferences(Record):
    """What a file holds.

    Attributes:
        pairs: the preferences, in the order of the file.
        n_rows: lines with a reply, or with a pair.
        n_unequal: pairs of replies to a prompt left out since their correctness differs.
        n_tied: those left out since, equally correct, they are equally helpful.
        n_same: those left out since both replies are the same text, however they are rated.
    """

    pairs: tuple[Preference, ...]
    n_rows: int
    n_unequal: int
    n_tied: int
    n_same: int

    def texts(self) -> tuple[tuple[str, str], ...]:
        """(prompt, text) of every reply of a pair whose probability the file does not say, each once."""
        replies = ((pair.prompt, reply) for pair in self.pairs for reply in (pair.preferred, pair.other))
        return tuple(dict.fromkeys((prompt, reply.text) for prompt, reply in replies if reply.log_pi is None))


def load_preferences(path: str | Path) -> Preferences:
    """The preferences of a file.

    Args:
        path: file in UTF-8, ending in ``.jsonl`` (one object a line) or ``.csv`` (a header). Either rated replies: prompt, response,
            helpfulness, correctness, and, if known, log_pi_ref (natural logarithm of the probability of the whole response) with
            n_tokens; or pairs of equal correctness: prompt, chosen, rejected, and, if known, chosen_log_pi_ref, chosen_n_tokens,
            rejected_log_pi_ref and rejected_n_tokens. Other keys, which public data have, are not read.

    Returns:
        At least one preference.

    Raises:
        InputError: the file cannot be read as written; the sentence names file and line.
    """
    path = Path(path)
    if path.suffix.lower() not in (".jsonl", ".csv"):
        raise InputError(f"{path}: the file ends in {path.suffix!r}, expected .jsonl or .csv; convert or rename it")
    entries = read_entries(path, PREFERENCE, words={"prompt", "response", "chosen", "rejected"})
    if not entries:
        raise InputError(f"{path}: the file is empty, expected a reply or a pair a line; add some")
    rated = "response" in entries[0].data
    if rated:
        pairs, n_unequal, n_tied = _of_ratings(path, entries)
    else:
        pairs, n_unequal, n_tied = [_pair(path, entry) for entry in entries], 0, 0
    different = [pair for pair in pairs if pair.preferred.text != pair.other.text]
    n_same, pairs = len(pairs) - len(different), different
    if not pairs:
        raise InputError(
            f"{path}: no two replies to the same prompt are equally correct and differ in helpfulness ({len(entries)} replies, {n_unequal} "
            f"pairs of different correctness, {n_tied} equally helpful, {n_same} of the same text twice), expected at least one such pair; "
            "add replies to the same prompts"
        )
    return Preferences(pairs=tuple(pairs), n_rows=len(entries), n_unequal=n_unequal, n_tied=n_tied, n_same=n_same)


def with_scores(preferences: Preferences, scores: Mapping[tuple[str, str], TextScore]) -> Preferences:
    """The same, with the probabilities that the file does not say.

    Args:
        preferences: of a file.
        scores: (prompt, text) -> its score, for each of `Preferences.texts`.
    """

    def known(prompt: str, reply: Reply) -> Reply:
        if reply.log_pi is not None:
            return reply
        score = scores[prompt, reply.text]
        return Reply(text=reply.text, log_pi=score.log_pi, n_tokens=score.n_tokens)

    pairs = (Preference(prompt=p.prompt, preferred=known(p.prompt, p.preferred), other=known(p.prompt, p.other)) for p in preferences.pairs)
    return preferences.model_copy(update={"pairs": tuple(pairs)})


def _of_ratings(path: Path, entries: list[Entry]) -> tuple[list[Preference], int, int]:
    by_prompt: dict[str, list[tuple[Reply, float, float]]] = {}
    for entry in entries:
        prompt = _text(path, entry, "prompt")
        rating, correctness = (_number(path, entry, key) for key in ("helpfulness", "correctness"))
        by_prompt.setdefault(prompt, []).append((_reply(path, entry, "response", ""), rating, correctness))
    pairs: list[Preference] = []
    n_unequal = n_tied = 0
    for prompt, replies in by_prompt.items():
        for (one, rated, right), (other, rated_other, right_other) in itertools.combinations(replies, 2):
            if right != right_other:
                n_unequal += 1
            elif rated == rated_other:
                n_tied += 1
            else:
                first, second = (one, other) if rated > rated_other else (other, one)
                pairs.append(Preference(prompt=prompt, preferred=first, other=second))
    return pairs, n_unequal, n_tied


def _pair(path: Path, entry: Entry) -> Preference:
    if "chosen" not in entry.data and "rejected" not in entry.data:
        raise InputError(
            f"{path}, {entry.begins}: neither a rated reply (prompt, response, helpfulness, correctness) nor a pair (prompt, chosen, "
            f"rejected), but {', '.join(map(repr, sorted(entry.data)))[:120]}; name the keys so"
        )
    preferred, other = (_reply(path, entry, key, f"{key}_") for key in ("chosen", "rejected"))
    return Preference(prompt=_text(path, entry, "prompt"), preferred=preferred, other=other)


def _reply(path: Path, entry: Entry, key: str, before: str) -> Reply:
    text = _text(path, entry, key)
    log_pi, n_tokens = (entry.data.get(before + name) for name in ("log_pi_ref", "n_tokens"))
    if (log_pi is None) != (n_tokens is None):
        there, missing = ("n_tokens", "log_pi_ref") if log_pi is None else ("log_pi_ref", "n_tokens")
        raise InputError(f"{path}, {entry.begins}: {before}{there} without {before}{missing}, expected both or none; add it")
    if log_pi is None:
        return Reply(text=text)
    value = _number(path, entry, f"{before}log_pi_ref")
    if value > 0:
        raise InputError(
            f"{path}, {entry.place(f'{before}log_pi_ref')}: {before}log_pi_ref is {value!r}, expected the "
            "logarithm of a probability, at most 0"
        )
    if isinstance(n_tokens, bool) or not isinstance(n_tokens, int) or not 1 <= n_tokens <= _MOST:
        raise InputError(
            f"{path}, {entry.place(f'{before}n_tokens')}: {before}n_tokens is {n_tokens!r:.40}, "
            f"expected a whole number from 1 to {_MOST:,.0f}"
        )
    return Reply(text=text, log_pi=value, n_tokens=n_tokens)


def _text(path: Path, entry: Entry, key: str) -> str:
    value: Any = entry.data.get(key)
    if not isinstance(value, str) or not value.strip():
        said = "is missing" if value is None else f"is {value!r}"
        raise InputError(f"{path}, {entry.place(key)}: the {key} {said}, expected text that is not empty; add it or leave the line out")
    return value


def _number(path: Path, entry: Entry, key: str) -> float:
    value: Any = entry.data.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        said = "is missing" if value is None else f"is {value!r:.40}"
        raise InputError(
            f"{path}, {entry.place(key)}: {key} {said}, expected a number, at most {_MOST:,.0f} in size; add it or leave the line out"
        )
    return float(value)
