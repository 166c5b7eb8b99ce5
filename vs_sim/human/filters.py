"""Which human dialogues a comparison takes: named filters, and the rule that finds tasks that paid $0.30 instead of $2.

The data do not say what a task paid; only the people in it sometimes do. A dialogue counts as paid $0.30 if one sentence names thirty
cents together with a word for the pay, as the top of what can be given ("$0 to $.30", "up to .30"), or as the speaker's own thirty cents.
That finds 38 of 1,017 dialogues; each was read, and none of them is among the 200 test dialogues that the authors of Verbalized Sampling
published in their repository (CHATS-lab/verbalized-sampling; by chance 7 would be), so the paper left such dialogues out too. What nobody
mentions cannot be found: all 38 are from 23 August to 4 September 2018, and other tasks of those days, which are most of the data, may
have paid the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

_THIRTY = r"(?<![\d.,:-])(?:\$ ?0?\.30?|0?\.30 ?\$?|30 ?(?:cents?|cnets|¢|c\b))(?!\d|\.\d| ?-)"
_PAY = r"pays|paying|payments?|paid|rewards?|earn\w*|HITs?|task|survey|promised|base|worth|whole|full|entire|maximum|highest|proceeds"
_NAMED = re.compile(_THIRTY, re.IGNORECASE)
_AS_PAY = re.compile(
    rf"\b(?:{_PAY})\b|(?:\b0 ?(?:-|to) ?|\bup to (?:the )?|\b(?:my|our|your|we only get|i only get) ){_THIRTY}",
    re.IGNORECASE,
)
_AS_GIFT = re.compile(rf"{_THIRTY}(?: ?cents?)? donation|more than {_THIRTY}|donation of\b.*{_THIRTY}", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


def pay_cents(utterances: Iterable[str]) -> int | None:
    """What the task paid, as far as the speakers say: 30, or None if none says that it paid $0.30.

    None does not mean $2, though that is what nearly all tasks paid (Wang et al. 2019).
    """
    for utterance in utterances:
        for sentence in _SENTENCE.split(utterance):
            if _NAMED.search(sentence) and _AS_PAY.search(sentence) and not _AS_GIFT.search(sentence):
                return 30
    return None


class Facts(NamedTuple):
    """What a filter looks at: number of the dialogue's first row in the full data (None if unknown), and `pay_cents`."""

    row: int | None
    pay_cents: int | None


class Filter(NamedTuple):
    """A named choice of dialogues: the rule in words, and as a function."""

    rule: str
    keeps: Callable[[Facts], bool]


_PAPER_TEST_ROWS = """
21 82 309 497 559 704 868 929 992 1093 1113 1215 1256 1276 1297 1560 1580 1749 1813 1939 2184 2284 2543 2566 2608 2629 2773 2813 2833
3016 3057 3117 3201 3366 3549 3631 3771 3794 3914 3936 3998 4162 4223 4264 4304 4324 4365 4567 4690 4731 4773 4914 5340 5400 5460 5500
5582 5685 5765 5865 5886 5987 6007 6027 6197 6219 6404 6567 6627 6687 6730 6771 6791 6811 6919 7144 7251 7271 7353 7373 7414 7434 7762
7866 7970 8054 8115 8241 8282 8323 8344 8448 8736 8780 8800 8900 9002 9165 9407 9427 9467 9568 9670 9912 9975 10140 10329 10390 10557
10597 10809 10910 10950 11095 11115 11136 11156 11319 11422 11485 11667 11688 11749 11871 11933 12105 12294 12687 12767 12976 12996
13205 13352 13598 13618 13721 13842 13884 14025 14086 14129 14169 14210 14270 14576 14725 14810 14872 14979 15020 15082 15102 15125
15145 15185 15268 15329 15370 15515 15685 15725 16058 16248 16423 16626 16977 17038 17100 17403 17655 17738 17785 18103 18331 18352
18392 18558 18642 18724 18764 18804 19036 19058 19227 19247 19267 19350 19370 19572 19615 19695 19716 19801 19861 20223 20363 20550
20630 20751 20771
"""
_PAPER_TEST = frozenset(map(int, _PAPER_TEST_ROWS.split()))

FILTERS: Mapping[str, Filter] = {
    "all": Filter("every dialogue", lambda facts: True),
    "paid_2": Filter("without the dialogues in which a speaker says that the task pays $0.30", lambda facts: facts.pay_cents != 30),
    "paper": Filter(
        "the paper on Verbalized Sampling as far as it is known: paid_2; it kept 939 of 1,017 and does not say by which rule, so that "
        "about 40 more dialogues were dropped there, which cannot be named",
        lambda facts: facts.pay_cents != 30,
    ),
    "paper_test": Filter(
        "the 200 test dialogues of the paper on Verbalized Sampling, by the conversation ids that its authors published",
        lambda facts: facts.row in _PAPER_TEST,
    ),
}
"""The filters by name."""


def kept(name: str, facts: Sequence[Facts]) -> tuple[int, ...] | None:
    """Indices of the dialogues that a filter keeps, rising.

    Returns:
        None if the filter cannot be told in these data: the paper's test dialogues are known by their place in the full data, of which
        all 200 must be there.
    """
    indices = tuple(i for i, one in enumerate(facts) if FILTERS[name].keeps(one))
    return None if name == "paper_test" and len(indices) != len(_PAPER_TEST) else indices
