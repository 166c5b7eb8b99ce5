"""Does a clause of the persuadee commit it to the amount that it names?

A clause is a stretch of one sentence between marks and words such as "but" or ", I". `commits` first looks for what makes an amount
no commitment (negation, a question, an unreal condition, the past, a habit, another person, a price, "later") and then for what
makes it one (an intention in the first person, an approved amount, a bare answer). Without the second it is no commitment either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from vs_sim.amounts import Amount, plain

WINDOW = 240
"""Characters looked at on either side of an amount; bounds the time on huge lines."""


def words(*alternatives: str) -> re.Pattern[str]:
    """A pattern that finds any of the alternatives as whole words."""
    return re.compile(rf"\b(?:{'|'.join(alternatives)})\b")


GIVE = (
    r"(?:donat\w*|dontat\w*|dona(?:et|t)\w*|doante|donte|give|giving|contribut\w*|pledg\w*|do|doing|spare|offer(?:ing)?|chip(?:ping)?"
    r"|pitch(?:ing)?|throw(?:ing)?|put(?:ting)?|send(?:ing)?|go(?:ing)? with|commit\w*|part with|allocate|transfer|kick in|make)"
)

_SENTENCE_END = re.compile(r"[!?]+|\.{2,}|\.(?=[\s\"')]|$)|\.(?=[a-z]{2})|\n+")
_NEW_SUBJECT = r"(?:i|i'\w+|ill|id|im|you|they|we|he|she|it|it's|people|my|the|this|that|that's)"
_CLAUSE_END = re.compile(
    rf"[;:]|\s-+\s|--+|,\s*(?={_NEW_SUBJECT}\b|(?:let|lets|let's|if|how|what|maybe|perhaps|just|only|make|please|or|put|which|leaving"
    rf"|not|say)\b)"
    r"|\b(?:but|however|although|though|because|since|whereas|so|therefore|except|which|while|yet|instead(?! of))\b"
    rf"|\band(?=\s+(?:{_NEW_SUBJECT}|your|their|if|when|once|later|keep|save|then|maybe)\b)"
)

# What makes an amount no commitment -----------------------------------------------------------------------------------------------

_NEGATION = words(
    *("not", "never", "no", "cannot", "cant", "wont", "dont", "wouldnt", "couldnt", "didnt", "nor", "neither", "unable", "refuse"),
    *("decline", "hardly", "doubt", "without", "nah", r"\w+n't"),
)
_HARMLESS_NEGATION = words(
    *(r"(?:do not|don't|dont|wouldn't|would not) mind", "no (?:problem|worries|doubt|issue)", "not a problem", "why not", "not only"),
    *(r"(?:can't|cannot|cant) (?:wait|refuse|say no)", r"(?:don't|do not|dont) see why not", r"\w+n't hurt", "not at all", "not bad"),
    r"(?:not|\w+n't|never|no|cannot|cant|wont|dont) (?:\w+ ){0,5}(?:more|much|higher|further|over) than",
    r"(?:not|\w+n't|dont|cannot|cant) (?:\w+ ){0,3}(?:much|a lot|rich)",
)
_LEADING_NO = re.compile(
    r"^\W*(?:no|nope|nah)\W+(?=i\b|i'|we\b|make|just|only|how|that)|\bno(?: thanks| thank you)?\s*(?:,|(?:wait|actually|make|sorry)\b)"
)
_BAD_AMOUNT = re.compile(  # behind the amount: "$2 is too much"
    r"^\W*(?:donation |amount |contribution )?(?:(?:is|are|'s|sounds|seems|feels|would be|was|might be) (?:\w+ ){0,3}"
    r"(?:too|steep|out of|impossible|not|excessive|beyond|unrealistic|hard|difficult|more than|insane|high)\b"
    r"|(?:\w+n't|cannot|will not|does not|is not|not(?! (?:\$|[0-9.]|a|one|two)))\b)"
)
_OTHER_MONEY_AFTER = re.compile(  # "$1 can feed a child", "$2 is what I get", "$5 an hour"
    r"^\s*(?:can(?! go)|could|should|may|might|helps|feeds|goes a|makes|buys|saves|does|means|is what (?:i|we|you|they) (?:get|earn|make"
    r"|need))\b"
    r"|^\W*(?:left|in my (?:bank|account|pocket|wallet|name)|an hour|per hour|sign|menu|store|bill|price)\b|^\W*or nothing\b"
)
_PREPOSITION_BEFORE = re.compile(  # "out of the $2", "instead of $2", "not $2"
    r"(?:\b(?:out of|from|off)\s(?:(?:the|my|our|this|that|your)\s(?:\w+\s)?)?"
    r"|(?<!donation )(?<!amount )(?<!total )\bof\s(?:the|my|our|this|that|your)\s(?:\w+\s)?"
    r"|\b(?:instead of|rather than|less than|under|below|(?<!hand )over|above|up to|not|versus|vs|every|per|each|beyond|than)\s(?:giving "
    r"|donating "
    r"|doing "
    r"|just |only |the |a |full )*)$"
)
_CAN_ONLY = re.compile(r"\b(?:can|could|will|would|'ll|'d) only\b")  # "don't mind that I can only give"
_RAISES_TO = re.compile(r"\b(?:go|going|round|bump|rais\w+|com\w+|mov\w+|increas\w+|bring|step|up)(?: it| that| my \w+)? up to\b")
_OWN_LIMIT = re.compile(r"^\W*(?:is|would be|'s) (?:all|(?:about )?the (?:most|best|max\w*|limit))\b")
_LIMIT_BEFORE = re.compile(r"\b(?:more|higher|further) than (?:a |the |just |about )*$")
_VERB = re.compile(
    r"\b(?:(?P<other>costs?|pays|paid|paying|earn\w*|spend\w*|spent|keep\w*|sav(?:e|ed|ing)|owe|rais(?:ed|es)|made|makes|gets?|got"
    r"|getting|receiv\w*|budget|has|had|bills?|sponsor\w*|buys?|bought|worth"
    r"|salary|salaries|income|left|gave|sent|given|(?<!will )donated|contributed|lost|won"
    r"|rent|charged?|lend|still (?:make|have|get)|us(?:e[ds]?|ing)|need(?:s|ed)?|bet|hold(?:ing)?|hang(?:ing)?|feed|rate)"
    rf"|(?P<give>{GIVE}|pay|willing|afford|take|deduct))\b"
)
_HABIT = words(
    *("usually", "normally", "typically", "generally", "always", "often", "sometimes", "regularly", "tend to", "used to", "in the past"),
    r"(?:every|each) (?:year|month|week|time|day|christmas|paycheck)",
    *("last (?:year|month|week|time|christmas|summer|spring|fall|winter)", r"(?:years?|months?|weeks?) ago", "yesterday", "once gave"),
    *("asked (?:me|us)", r"(?:i've|have|had) (?:\w+ )?(?:promised|pledged|offered)"),
)
_RECURRING = re.compile(r"^\W*(?:(?:a|per|each|every) (?:day|week|month|year)|monthly|weekly|daily|yearly|annually)\b")
_INTENTION = re.compile(
    r"\b(?:will|would|can|could|want|going to|gonna|like to|love to|let's|lets|willing|happy|glad|ill|pledge|commit|agree|plan to)\b"
    r"|'(?:ll|d|m)\b"
)
_WISH = words(
    *("wish(?! to)", r"(?:would|could|should|might)(?:'ve| have| of)", r"i'd have", r"had (?:planned|wanted|hoped|intended)", "imagine"),
    *(r"hypothetical\w*", "in theory", r"theoretically", "ideally"),
)
_TENTATIVE = words(
    *(r"(?:might|may)(?! be able| be willing| i\b| as well)", r"consider(?:ing)?", r"think(?:ing)? about (?:it|whether|maybe)"),
    *(r"unsure", r"(?:not|n't) (?:so |really |quite )?sure", "don't know", "dont know", r"wonder\w*", "whether", "depends?", "tempted"),
    *("debating", "how much", "do you think", r"hesita\w+", r"reluctan\w+", "crazy", "foolish", "hate"),
    r"(?:hard|difficult|tough)(?: for (?:me|us))? to (?:give|part|spare|afford|do|donate|justify)",
)
_CONDITION = re.compile(
    r"\b(?:if|unless|when|once|until|as long as|provided)\s(?:only )?(?:i|i'd|we|my|things|it|you|they|he|she|everyone|everybody|people"
    r"|someone|the|there|this|that|money|half)\b|\b(?:had i|were i|assuming|supposing|in (?:a perfect|an ideal) world)\b"
)
_HARMLESS_CONDITION = re.compile(
    r"(?<!only )\b(?:if|as long as) (?:it|that|this) (?:goes|reaches|helps?|is|will|would|works?|can|makes?|means|could)\b|\bif (?:that"
    r"|it)'s\b"
    r"|\bif (?:possible|so|ok|okay|anything)\b|\bwhen you put it\b"
    r"|\b(?:if|as long as) you(?:'re| are)? (?:don't mind|do not mind|like|want|wish|think|okay|ok|prefer|insist|say|need|asking|agree|so"
    r"|are)\b|\bif i(?:'m| may| understand| must| have to| am)\b|\bif i (?:only|just) (?:get|make|earn)\b"
    r"|\b(?:ok|okay|alright|all right|fine|enough|mind) (?:with you )?if i\b"
    r"|\b(?:when|once) (?:i|we|this|the|it|that) (?:\w+ ){0,2}(?:finish|done|chat|ends?|submit|complete|task|hit|survey)"
)
_UNREAL = re.compile(r"\b(?:would|could|might|id)\b|'d\b")
_LATER = words(
    *(r"next (?:month|week|year|time|paycheck|pay ?day|\w+day)", "later", "in the future", "some ?day", "one day", "eventually"),
    *("another (?:time|day)", r"(?:when|once|after|until) (?:i|my)\b.{0,40}?\b(?:paid|paycheck|check|job|money|more|salary)", "tomorrow"),
    *(r"(?:on |next )?pay ?day", r"(?:at|for|by|around|this) (?:christmas|thanksgiving|easter|new year)"),
    *(r"in (?:a|one|two|a few|[0-9]+) (?:days?|weeks?|months?|years?)", r"end of the (?:week|month|year)", "down the (?:road|line)"),
)
_MORE_LATER = re.compile(
    r"\b(?:more|again|another|additional|increase|raise)\b.{0,40}?\b(?:later|next|future|another time|day)\b.*"
    r"|\blater (?:\w+ ){0,4}more\b.*"
)
_OTHER_SUBJECT = re.compile(
    r"\b(?:you|they|he|she|people|everyone|everybody|someone|somebody|anyone|others|who|it|charit(?:y|ies)|organi[sz]ations?|ceos?"
    r"|compan(?:y|ies)|kids?"
    r"|child(?:ren)?|family|families|brother|sister|mom|mother|dad|father|friends?|wife|husband|boss|church|americans?|folks|persons?"
    r"|donors?|hit|task|job|survey)(?:\s(?:i|we|that|who)\s\w+(?:\s(?:to|with|about))?)?"
    r"(?:'(?:ll|d|ve|re|s))?\s(?:(?:just|all|only|also|really|already|each|both|probably|usually|even|then|often)\s)*"
    r"(?:can|could|will|would|should|may|might|must|gives?|gave|given|donate[sd]?|donating|giving|spends?|spent|have|has|had|is|are|was"
    r"|were|needs?|wants?|pays?|paid"
    r"|earns?|gets?|got|makes?|made|sent|sends?|contribute[sd]?|pledge[sd]?|said|say|asked?|suggest(?:ed)?|mentioned|does|did|chipped?"
    r"|takes?|took|offered|costs?|raised?|keeps?)\b"
    r"|\b(?:you|people|everyone|others|him|her) (?:to )?(?:give|donate|contribute)\b|\b(?:you|they|he|she)'(?:ll|d|ve|re)\b|\b(?:your"
    r"|their|his|her) (?:\w+ ){0,2}(?:donation|contribution|pledge|money|payment"
    r"|suggestion)\b"
)
_FROM_ME = words(
    *(r"(?:put|count|mark|sign) me", "from me", r"(?:take|deduct)\b.{0,30}", r"match\w*", r"from my \w+"),
    *(r"(?:can|may) (?:have|take|put|mark|count)", "(?:it|that) (?:would|will) be"),
)
_SELF = re.compile(r"\b(?:i|i'\w+|we|we'\w+|ill|id|im|ive|(?:let|put|count) me|let's|lets|let us)(?!\w)")
_OFFERING_QUESTION = re.compile(
    r"\bhow(?:'s| about|s)\b|\bwhat about\b|^\W*(?:\w+\W+){0,3}maybe\b|\b(?:can|could|may) i (?:just |maybe |perhaps |only )?(?:give"
    r"|donate|do|contribute|pledge|offer)\b|\bhow (?:does|do|would|is)\b.{0,40}\b(?:sound|work|be|feel)\b"
    r"|^\W*(?:(?!what|how|why|which|where|who|when)\w+\W+){0,2}(?:would|will|is|are|could|can|does)\b.{0,40}\b(?:ok|okay|fine|work|enough"
    r"|good|acceptable|alright|suffice|do\W*$"
    r"|fair|reasonable)\b|^\W*(?:(?!what|how|why|which|where|who|when)\w+\W+){0,2}(?:would|could|will|can)\b.{0,40}\bhelp\b"
    r"|\b(?:would|will|could) you (?:accept|take|be (?:happy|ok|okay|fine|satisfied|content) with)\b"
)
_ASKING = words(
    *("what", "how (?:much|many|far|long)", "(?:should|do|must|did|would) i", "do you", "does", "why", "who", "where"),
    r"(?:could|can|would|will|are|did) you",
)

_CONTRAST = re.compile(r"\W*(?:but|however|although|though|yet|instead)\b")

# What makes it one -----------------------------------------------------------------------------------------------------------------

_I_INTEND = re.compile(
    r"\b(?:i|we)\s(?:[\w']+\s){0,8}?(?:will|would|can|could|shall|should|want|wanna|gonna|going|am|like|love|choose|chose|decided?"
    r"|agreed?|accept|pledged?|promised?"
    r"|commit(?:ted)?|plan|intend|opt|offer(?:ed)?|settle|think|guess|feel|suppose|said|mean|meant|prefer|thinking|thought|donate|give"
    r"|contribute|do|afford|go|stick|mind)\b"
    r"|\b(?:i|we)'(?:ll|l|d|m|re|ve)\b|\b(?:ill|id|im|let's|lets|let us|let me)\b|\bi \$?[0-9]?$|\bi can\b"
)
_LEAD = (
    r"^\W*(?:(?:yes|yeah|yep|yup|sure|ok|okay|alright|well|fine|then|and|so|great|actually|hmm+|um+|uh|please|no|just|oh|definitely"
    r"|absolutely|certainly"
    r"|of course|deal|now|wait|sorry|or|also|honestly|for|today|let me)\W+){0,5}"
)
_ELIDED_INTENTION = re.compile(
    rf"{_LEAD}(?:happy to|glad to|willing to|let|will|would|can|could|gonna|going to|want to|make (?:it|that|mine)|put me|count me|sign me"
    rf"|mark me|say|maybe|perhaps"
    rf"|how about|hows?|how's|what about|here(?:'s| is| are)|{GIVE}|(?:it|that)(?:'s| is| will be|'ll be| would be)|the amount|plan to"
    rf"|deduct|take|all i can"
    rf"|the most i|the best i)(?!\w)"
    r"|\b(?:my|our|total) (?:\w+ ){0,3}(?:donation|contribution|pledge|commitment|answer|offer|gift|amount|share|limit|max"
    r"|maximum)\b.{0,30}\b(?:is|at|to|be|of|stands|stays|remains)\b"
    r"|\b(?:all i can|most i|best i|what i can|put me down|make (?:it|that)|stick(?:ing)? with|stay(?:ing)? with)\b|\btake\b|\bdeduct\b"
    r"|\b(?:can|may) (?:have|put|mark|count)\b|^\W*here\W+have\b"
)
_APPROVED = re.compile(
    r"^\W*(?:donation |contribution |amount |today |here )?(?:(?:it is|works?|would work|will do|will work|would do|then)\b"
    r"|(?:sounds?|seems?|feels?|is|are|'s|would be|will be|should be)\s(?:\w+ ){0,3}"
    r"(?:good|fine|fair|great|reasonable|ok|okay|perfect|right|doable|adequate|comfortable|manageable|nice|decent|alright|most|best|i"
    r"|i'm|i'll|my|suitable|appropriate|what|plenty|enough)\b|(?:can|may|should|will) go to\b|(?:from me|i can|i could|i will|i would)\b)"
)
_NUMBER_VERB = re.compile(
    rf"\b(?:{GIVE}|promised?|choose|chose|pick|opt for|say|said|willing to|like|want|maybe|perhaps|manage|afford|go for|around|about"
    rf"|i can|i could"
    rf"|how about"
    rf"|what about|amount of|donation of|donation is|them|make (?:it|that|mine))"
    r"\s(?:about |around |like |maybe |only |just |up to |at least |them |you |another |exactly |is |be |the |my |an? |one[- ]time )*$"
)
_NO_NOUN = re.compile(
    r"\s*(?:$|[.,;!?)\"'-]|(?:to|for|now|today|then|and|or|if|as|please|at|from|in|ok|okay|per|instead|because|but|total|this|that|since"
    r"|maybe|right|each|sounds|is"
    r"|works|seems|would|will|only|too|also|tops|max|towards?|monthly|donation|contribution|base|payment)\b)"
)
_FILLER = re.compile(
    r"\b(?:yes|yeah|yep|yup|sure|ok|okay|alright|fine|well|maybe|perhaps|then|just|only|about|around|please|today|now|for|to|the"
    r"|charity|save|children|kids|hmm+|um+|uh|so|and"
    r"|no|lol|sorry|thanks|thank|you|total|exactly|it|is|i|think|a|donation|my|from|me|deal|correct|right|definitely|absolutely|let's"
    r"|say|of|each|will|at|least|most|probably|donate|give"
    r"|wait|make|actually|in|cash|usd|payment|guess|suppose|agreed|great|good|final|answer)\b|\W+"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of one utterance.

    Attributes:
        text: its words, as `vs_sim.amounts.plain` gives them.
        start: where it starts in the utterance, in characters.
        question: True if its sentence ends in a question mark.
        last: True for the last clause of its sentence.
    """

    text: str
    start: int
    question: bool
    last: bool

    @property
    def end(self) -> int:
        """Where it ends in the utterance, in characters."""
        return self.start + len(self.text)


def sentences(utterance: str) -> Iterator[list[Clause]]:
    """The clauses of every sentence of an utterance, in order; every character but separators is in one of them."""
    text = plain(utterance)
    start = 0
    ends = [(m.start(), m.end()) for m in _SENTENCE_END.finditer(text)] + [(len(text), len(text))]
    for stop, following in ends:
        if text[start:stop].strip():
            question = "?" in text[stop:following]
            cuts = [start, *(m.start() for m in _CLAUSE_END.finditer(text, start, stop) if m.start() > start), stop]
            yield [Clause(text[a:b], a, question, b == stop) for a, b in pairwise(cuts)]
        start = following


def commits(sentence: list[Clause], position: int, amount: Amount, others: tuple[int, int], *, answering: bool) -> bool:
    """True if the persuadee commits itself to an amount.

    Args:
        sentence: the clauses of the sentence.
        position: index of the clause with the amount.
        amount: the amount, in characters of the utterance.
        others: end of the amount before and start of the amount behind it in the clause (or its limits), in characters.
        answering: True if a bare amount is an answer: the persuader has just asked for a donation, or the persuadee is correcting itself.
    """
    clause = sentence[position]
    before = clause.text[max(0, amount.start - clause.start - WINDOW) : amount.start - clause.start]
    after = clause.text[amount.end - clause.start : amount.end - clause.start + WINDOW]
    near_before = clause.text[max(0, others[0] - clause.start, amount.start - clause.start - WINDOW) : amount.start - clause.start]
    near_after = clause.text[amount.end - clause.start : min(others[1] - clause.start, amount.end - clause.start + WINDOW)]
    if others[1] < clause.end:
        near_after = re.split(r",|;|\band\b|\bthen\b", near_after)[0]
    if others[0] > clause.start:
        near_before = re.split(r",|;|\band\b", near_before)[-1]
    earlier = "" if _CONTRAST.match(clause.text) else "".join(c.text for c in sentence[max(0, position - 2) : position])[-WINDOW:]
    later = "".join(c.text for c in sentence[position + 1 : position + 3])[:WINDOW]
    around = _HARMLESS_NEGATION.sub(" ", before.split(",")[-1] + " " + near_after.split(",")[0])
    fragment = len(_FILLER.sub(" ", around).split()) <= (0 if amount.kind == "number" else 1)

    if denied(before, after) or _mentioned(near_before if _VERB.search(near_before) else before, near_after):
        return False
    if _unreal(before, after, earlier, later) or _deferred(near_before, near_after):
        return False
    if clause.question and not _offering(clause, before, after):
        return False
    if amount.kind == "number":
        approved = _APPROVED.match(after) and (answering or amount.share is not None)  # "20 would be fine", "10% sounds fair"
        if not _NO_NOUN.match(after) or not (approved or _NUMBER_VERB.search(before) or (answering and fragment)):
            return False
    return bool(
        _I_INTEND.search(before)
        or _ELIDED_INTENTION.search(before)
        or _ELIDED_INTENTION.search(near_before)
        or _APPROVED.match(after + later[:40])
        or (answering and fragment)
        or (clause.question and _OFFERING_QUESTION.search(before + " $ " + after))
    )


def denied(before: str, after: str) -> bool:
    """True if an amount between the two texts is negated, found too high, or named only as what it is not."""
    if _LIMIT_BEFORE.search(before) or _OWN_LIMIT.match(after):
        return False
    before = _RAISES_TO.sub("to", _CAN_ONLY.split(before)[-1])
    told = _HARMLESS_NEGATION.sub(" ", _LEADING_NO.sub(" ", before))
    return bool(_NEGATION.search(told) or _BAD_AMOUNT.match(_HARMLESS_NEGATION.sub(" ", after)) or _PREPOSITION_BEFORE.search(before))


def _mentioned(before: str, after: str) -> bool:
    """True if the amount belongs to the past, a habit, a price or somebody else."""
    verbs = list(_VERB.finditer(before))
    if verbs and verbs[-1]["other"]:
        return True
    if _OTHER_MONEY_AFTER.match(after) or _HABIT.search(before) or _HABIT.search(_RECURRING.sub(" ", after[:60])):
        return True
    if _RECURRING.match(after) and not _INTENTION.search(before):
        return True
    other = [m.start() for m in _OTHER_SUBJECT.finditer(before)]
    own = [m.start() for m in _SELF.finditer(before)]
    return bool(other) and not _FROM_ME.search(before) and (not own or own[-1] < other[-1])


def _unreal(before: str, after: str, earlier: str, later: str) -> bool:
    """True if the amount hangs on a wish, a doubt or a condition."""
    if _WISH.search(before) or _TENTATIVE.search(before):
        return True
    if _CONDITION.search(_HARMLESS_CONDITION.sub(" ", earlier + " " + before)):
        return True
    behind = _HARMLESS_CONDITION.sub(" ", after + later[:80])
    condition = _CONDITION.search(behind)
    if condition is not None and (condition.start() <= len(after) or _UNREAL.search(before)):
        return True
    unable = re.search(
        r"^\s*(?:but|however|though|yet|unfortunately)\b.{0,60}?(?:\b(?:can't|cannot|cant|won't|wont|unable|couldn't|not able|am not)\b"
        r"|\bdon't have\b)(.{0,40})",
        later,
    )
    return unable is not None and bool(_UNREAL.search(before)) and not re.search(r"\b(?:more|much|else|higher)\b", unable[1])


def _deferred(before: str, after: str) -> bool:
    """True if the amount is for later only."""
    text = before + " " + _MORE_LATER.sub(" ", after)
    return bool(_LATER.search(text)) and not re.search(r"\b(?:now|today)\b", text)


def _offering(clause: Clause, before: str, after: str) -> bool:
    """True if a question offers its amount ("How about $1?", "I'll give $1, ok?") instead of asking about it."""
    if _OFFERING_QUESTION.search(before + " $ " + after):
        return True
    return not _ASKING.search(before) and bool(_I_INTEND.search(before) or _FILLER.sub("", before + after) == "" or not clause.last)
