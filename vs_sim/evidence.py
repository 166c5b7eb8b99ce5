"""What an answer of a second reader is held to: words of the persuadee that stand in the dialogue and say what it makes of them.

An amount counts with words that name it, or with words of consent to a turn of the persuader that names it; a refusal with words of denial.
A greeting proves neither, and "not sure" is no word of either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from vs_sim import parse
from vs_sim.amounts import find_amounts, plain
from vs_sim.clauses import words
from vs_sim.errors import ReplyError
from vs_sim.records import Role, StatedDonation

KEYS = ("quote", "status", "cents")
"""Members of an answer."""
_LONGEST = 10_000  # characters of a turn that are searched for amounts: bounds the time on degenerate replies
_MOST_OBJECTS = 50  # of an answer that are searched for keys given twice: likewise

_UNSURE = words(r"(?:not|\w+n't)(?: \w+)?(?: \w+)? sure", "unsure", "(?:do not|don't|dont) know")
_DENIES = words(
    *("no", "nope", "nah", "not", "never", "none", "nothing", "nobody", "neither", "nor", "zero", r"\w+n't", "cannot", "cant", "wont"),
    *("dont", "wouldnt", "couldnt", "unable", r"refus\w+", r"declin\w+", r"reject\w*", "pass", "rather", r"keep\w*", "skip", "without"),
    *(r"withdraw\w*", r"cancel\w*", "retract", "changed? my mind", r"hold(?:ing)? (?:off|on to)", "against", "opt out", "afraid", "sorry"),
    *("unfortunately", "uninterested", "impossible", "stop", "leave me"),
)
_NO_CONSENT = words(r"\w+n't (?!mind\b)\w+", r"(?:cannot|cant|wont|dont|never) \w+", r"not (?!at all\b|too\b|a problem\b|only\b)\w+")
_NO_CENT = re.compile(r"\$\s?0(?:\.0+)?(?![.\d])|\b0 (?:cents?|dollars?)\b")
_CONSENTS = words(
    *("yes", "yeah", "yea", "yep", "yup", "ya", "sure", "surely", "ok", "okay", "okey", "okie", "k", "fine", "deal", "done", "sold"),
    *("alright", "all right", "right", "correct", "exactly", "indeed", "true", "good", "great", "perfect", "fair", "reasonable", "doable"),
    *("works?", "agreed?", "accept", "approved?", "absolutely", "definitely", "certainly", "of course", "gladly", "happy", "happily"),
    *("glad", "willing", "pleasure", "can", "could", "will", r"\w+'ll", "ill", "would", r"\w+'d", "shall", "do", "like", "love", "let's"),
    *(
        "lets",
        "same",
        "match",
        "count me",
        "put me",
        "sign me",
        "i'm in",
        "convinced",
        "persuaded",
        "too",
        "as well",
        "likewise",
        "why not",
    ),
    *("no problem", "not too much", "not at all", "no objection", "don't mind", "by all means", "i (?:guess|suppose|think) so", "go ahead"),
    *(
        "you (?:may|got it)",
        r"donat\w*",
        "give",
        "giving",
        r"contribut\w*",
        r"pledg\w*",
        "spare",
        "take",
        "all of it",
        "that much",
        "enough",
    ),
)


def read_answer(raw: str, utterances: Sequence[tuple[Role, str]]) -> tuple[StatedDonation, str | None]:
    """The donation of one answer of a second reader, held against the dialogue.

    Args:
        raw: the answer as the model gave it.
        utterances: (role, text) of every turn, in order.

    Returns:
        The donation, with turn and span of the quoted words, and the quote; ``"undetermined"`` without either.

    Raises:
        ReplyError: if the answer is no JSON object of the form that was asked for, gives a key twice, or its amount is no whole number of
            cents above 0; if its quote does not stand in a message of the persuadee, refuses without a word of denial, or neither names
            the amount nor consents to a message of the persuader right before it that does.
    """

    def unusable(problem: str, reason: str) -> ReplyError:
        return ReplyError(problem, reason=reason, raw=raw)

    answer = parse.parse_object(raw, KEYS)
    if twice := _given_twice(raw):
        raise unusable(f"the key {twice!r:.60} is given twice, expected every key once", "key_twice")
    status, cents = answer["status"], answer["cents"]
    if status == "none":
        return StatedDonation(status="undetermined"), None
    if status not in ("amount", "refused"):
        raise unusable(f'status is {status!r:.60}, expected "amount", "refused" or "none"', "unknown_status")
    if status == "refused":
        cents = None
    elif isinstance(cents, bool) or not isinstance(cents, int) or cents < 0:
        raise unusable(f"cents is {cents!r:.60}, expected a whole number of cents, digits only", "no_amount")
    elif cents == 0:
        raise unusable('an amount of 0 cents is no amount, expected the status "refused" or "none"', "no_amount")
    try:
        quote, _ = parse.read_text(answer["quote"])
    except ValueError as reason:
        raise unusable(f"the quote is not usable ({reason}), expected words of the persuadee", "no_quote") from None
    places = list(_places(quote, utterances))
    if not places:
        raise unusable("the quote does not stand in any message of the persuadee, expected its exact words", "no_quote")
    for turn, span in places:
        said = utterances[turn][1][slice(*span)]
        if _refuses(said) if cents is None else _names(cents, said) or (_consents(said) and _names(cents, *_before(turn, utterances))):
            return StatedDonation(status=status, cents=cents, turn=turn, span=span), quote
    if cents is None:
        raise unusable(
            "the quoted words refuse nothing, expected the words with which the persuadee says that it gives nothing", "no_denial"
        )
    raise unusable(
        f"the quoted words neither name {cents} cents ($1 is 100 cents) nor agree to a message of the persuader right before them "
        "that does; expected the words of the persuadee that settle the amount",
        "amount_not_named",
    )


def _given_twice(raw: str) -> str | None:
    """A key of `KEYS` that an object of the answer gives more than once; None if none does."""
    twice: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in found]
        twice.extend(key for key in KEYS if keys.count(key) > 1)

    decoder = json.JSONDecoder(object_pairs_hook=pairs)
    position = 0
    for _ in range(_MOST_OBJECTS):
        start = raw.find("{", position)
        if start < 0:
            break
        try:
            _, position = decoder.raw_decode(raw, start)
        except (ValueError, RecursionError):
            position = start + 1
    return twice[0] if twice else None


def _before(turn: int, utterances: Sequence[tuple[Role, str]]) -> list[str]:
    """What the persuader said right before a turn of the persuadee: what that turn answers."""
    said: list[str] = []
    for role, text in reversed(utterances[:turn]):
        if role == "persuadee":
            break
        said.append(text)
    return said


def _refuses(said: str) -> bool:
    flat = _UNSURE.sub(" ", " ".join(plain(said).split()))
    return bool(_DENIES.search(flat) or _NO_CENT.search(flat))


def _consents(said: str) -> bool:
    flat = _UNSURE.sub(" ", " ".join(plain(said).split()))
    return _CONSENTS.search(flat if "why not" in flat else _NO_CONSENT.sub(" ", flat)) is not None


def _names(cents: int, *texts: str) -> bool:
    """True if a text names the amount, or one that is reckoned from another ("half of that", "10 cents more")."""
    for text in texts:
        for amount in find_amounts(text[-_LONGEST:]):
            named = {amount.cents, amount.top} | ({amount.cents // 100} if amount.kind == "number" else set())
            if cents in named or amount.more or amount.of_that or amount.scales:
                return True
    return False


# Typographic signs that models write in place of the typed ones, or the reverse; one for one, so that places stay the same.
_PLAIN = str.maketrans({"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "\u00a0": " "})


def spans_of(quote: str, text: str) -> list[tuple[int, int]]:
    """Where quoted words stand in a text, whole words, whatever their case, spaces and typographic signs: (start, end) in characters."""
    said = quote.translate(_PLAIN).strip("\"' .…").split()
    if not any(c.isalnum() for word in said for c in word):
        return []
    quoted = re.compile(r"(?<!\w)" + r"\s+".join(map(re.escape, said)) + r"(?!\w)", re.IGNORECASE)
    return [match.span() for match in quoted.finditer(text.translate(_PLAIN))]


def _places(quote: str, utterances: Sequence[tuple[Role, str]]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Turn and span of every turn where the persuadee says the quoted words; the last turn first."""
    for turn in range(len(utterances) - 1, -1, -1):
        role, text = utterances[turn]
        if role == "persuadee" and (spans := spans_of(quote, text)):
            yield turn, spans[-1]
