"""What the persuadee says it gives, and what it gives: the only reader of donations.

The dialogue is read from its first to its last turn; what stands at the end counts. A commitment is an amount that the persuadee
names as its own gift (see `vs_sim.clauses`), or an amount that the persuader proposes and the persuadee accepts in its next turn.
An explicit refusal stands until a commitment follows it. What is not clear is undetermined: never an amount, never a refusal.

Rules that a reader of results should know:

* A range ("50 cents to a dollar", "$1 or $2") is undetermined, and so is a gift that depends on what the other one does.
* "now $1, $5 next month" is $1; a gift for later only is undetermined. A monthly pledge counts as its monthly amount.
* A share ("half of my payment") is a share of the task payment of $2; "half of that" is of the amount named just before.
* A limit that the persuadee sets itself ("I can't do more than 50 cents") is read as that amount.
* "I won't donate $2" declines that amount and says nothing about others: undetermined. "I will donate $0" is a refusal.
* A "no" to a request for more leaves the commitment as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vs_sim.amounts import Amount, find_amounts, plain
from vs_sim.clauses import GIVE, Clause, commits, denied, sentences, words
from vs_sim.records import MAX_CENTS, Outcome, Role, StatedDonation, Transcript

_GIVING = r"(?:donat\w*|dontat\w*|doante|donte|give|giving|contribut\w*|pledg\w*|spare|chip in|part with|make (?:a|any) donation|making (?:a|any) donation|participate)"

# The persuader --------------------------------------------------------------------------------------------------------------------

_ASKS_TO_GIVE = re.compile(
    rf"\b(?:{_GIVING}|donations?|how much|what amount|match|down for|confirm|join me|count on|help (?:out|them|us|these|the)|cents?|dollars?|bucks?)\b|\$"
)
_ASKS_FOR_MORE = words(
    "more", "increase", "raise", "additional", "extra", "another", "higher", "double", "bump", "reconsider", "bigger", "larger", "monthly", "sponsor",
    "volunteer", "also", "else", "as well", r"regular\w*", "sure",
)  # fmt: skip
_REQUEST = words(
    r"(?:would|could|can|will|are|do) you", "how about", "what about", "let's", "lets", "can we", "shall we", r"suggest\w*", "put you down", "down for", "count on",
    "why not", "how does", "care to", "correct", "right", "confirm", "to ask", "you could", r"asking for", "join me", "consider", "please", "propose",
)  # fmt: skip
_NO_REQUEST = words(
    r"did you (?:know|give|donate)", "have you", r"how (?:many|often)", r"what (?:could|would|can|does|do)", r"do you (?:know|think (?!you))", "as little as", "as low as", "up to",
    "minimum", "any amount", "anything", "pays?", "paid", "thank you for", "thanks for", "or more", r"if (?:you|everyone|we|i)", "anywhere",
)  # fmt: skip
_TOO_MUCH = words("too much", "mind", "problem", "too high", "object", "be a stretch", "a burden")

# The persuadee --------------------------------------------------------------------------------------------------------------------

_YES = re.compile(
    r"^\W*(?:(?:oh|well|hmm+|ah|um+|and|so|then|lol|haha)\W+){0,2}(?:yes|yeah|yea|yep|yup|ya|sure|surely|ok|okay|okey|alright|all right|fine|deal|absolutely|definitely|of course|certainly|agreed|gladly"
    r"|correct|right|no problem|why not|indeed|you got it|sounds good|done)\b"
)
_WEAK_YES = re.compile(r"^\W*(?:oh\W+|well\W+)?(?:ok|okay|okey|right|fine|alright|all right|yes|yeah|ya|yea)\b")
_ACCEPTS = re.compile(
    r"\b(?:i|we)(?:'d|'ll| will| would| can| could| could probably| can probably| think i can| think i could| guess i can| suppose i can| can definitely| could definitely) (?:certainly |definitely |probably |gladly |happily )?"
    r"(?:do (?:that|it|so)|be (?:happy|glad|willing|able|ok|okay|fine|comfortable)|give (?:that|it)|donate (?:that|it)|go (?:with|for) (?:that|it)|manage (?:that|it)|afford (?:that|it)|agree)\b"
    r"|\b(?:i'm|i am|im) (?:happy|glad|willing|fine|okay|ok|good|comfortable) (?:to|with)\b|\b(?:i'm|i am|im) in\b|\bi (?:accept|agree)\b|\bcount me in\b|\blet's do (?:it|that)\b|\bi (?:can|will)\W*$"
    r"|\b(?:that|it|this)(?:'s| is|s| would be| will be| sounds| seems| works| should be| amount is| is an amount| is something)(?: \w+){0,3} (?:fine|good|great|reasonable|ok|okay|perfect|fair|doable|right|correct|acceptable|comfortable|do|deal)\b"
    r"|\b(?:that|this|it) (?:works|would work|will work|will do|it is)\b|^\W*(?:sounds|seems) (?:\w+ )?(?:good|fine|fair|great|reasonable|ok|okay|perfect|like a deal|like a plan)\b"
    r"|\bit's a deal\b|\byou have a deal\b|\bthat is an amount i\b|\bhappy to(?: do (?:that|it|so))?\W*$|\bi'd (?:love|like|be \w+) to\W*$|\bi would (?:love|like) to\W*$"
)
_NOT_AT_ALL = re.compile(r"^\W*(?:no|nope|not at all|nah)\b")
_HEDGE = re.compile(
    r"\b(?:not|no|never|\w+n't|cannot|cant|wont|dont|unable|unsure|maybe|might|perhaps later|later|think about|consider|wonder|depends|if i|unless|wish|rather|instead|less|only if|first"
    r"|next (?:month|week|time|year)|too (?:much|high)|would have|how about)\b"
)
_HARMLESS_HEDGE = re.compile(
    r"\b(?:not (?:a )?(?:problem|bad|at all)|no (?:problem|worries)|why not|(?:don't|do not|wouldn't) mind|(?:don't|do not) see why not|can't wait|(?:at|the) first|not too (?:much|bad))\b"
)
_SAME = re.compile(
    rf"\b(?:i'll|i will|i can|i could|i'd|i would|let me|happy to|i'm going to|i want to|glad to|will) (?:\w+ ){{0,3}}(?:match (?:that|it|you|your\w*|this|the)|(?:{GIVE}) (?:the )?(?:same|that|likewise)|same)\b"
    r"|^\W*(?:the )?same (?:here|amount|for me)\b|^\W*me too\b|^\W*likewise\b"
)

_I_REFUSE = re.compile(
    rf"(?:\b(?:i|we|i'm|im|i'd|i'll)\b|^\W*(?:(?:sorry|no|nope|unfortunately|actually|and|so|well|honestly|again|then|please)\W+){{0,3}}(?=won't|will not|can't|cannot|not|rather|prefer|unable))"
    rf"(?: \w+){{0,4}}? ?(?:won't|wont|will not|can't|cant|cannot|can not|(?:do not|don't|dont) (?:want|wish|plan|intend|feel|think)|would not|wouldn't|wouldnt|am not|not|refuse|rather not|prefer not|unable|couldn't|could not)"
    rf"\b(?: [\w']+){{0,6}}? {_GIVING}\b(?P<rest>.{{0,60}})"
)
_PARTIAL = re.compile(  # behind "I won't donate": it is not giving that is refused but something particular
    r"^\W*(?:\w+ ){0,3}?(?:much|more|a lot|lots|large|big|as|too|higher|whole|full|entire|all|everything|half|that amount|until|without|unless|before|clothes|food|blood|toys|blindly|often|regularly"
    r"|every|monthly|further|again|because|anymore than|else|beyond|above|over|extra|other|than)\b"
)
_REFUSALS = re.compile(
    rf"\b(?:i'll|i will|i'd|i would|i|i'm going to|i am going to|have to|must|going to|gonna|think i'll)(?: (?:have to|just|rather|respectfully|politely|probably|need to|must|like to|prefer to|want to|be)){{0,3}} (?:pass|passing|decline|declining|say no|refuse|opt out)\b"
    rf"|\b(?:i'd|i would|i)(?: \w+)? rather not\b|\bi (?:would )?prefer not(?: to)?\b|\b(?:rather|prefer to|going to|want to|like to|need to|will|i'll|i'm|have to|too) keep(?:ing)? (?:all |all of |it all|the whole |the |every )?(?:of )?(?:my |the |this )?(?:own |whole |entire |full |task )?(?:money|payment|earnings|pay|reward|bonus|full|2|cash)\b"
    rf"|\b{_GIVING} (?:nothing|none|zero|\$0(?![.,\d]))\b|\b(?:not|am not|i'm not|im not) (?:really |at all |currently )?interested in (?:{_GIVING}|a donation|any donation)\b|^\W*(?:no|sorry|i'm|i am)\W+(?:i'm |i am )?not interested\b"
    rf"|\bno donations? (?:from me|today|this time)\b|\bnot (?:even )?(?:a|one) (?:single )?(?:cent|penny|dime|nickel)\b|\b(?:won't|will not|not going to|can't|cannot|wouldn't) {_GIVING}(?: you| them)? (?:even )?(?:a|one|any) (?:single )?(?:cent|penny|dime|nickel|money|thing)\b"
    rf"|\b(?:cancel|withdraw|retract|rescind|withdrawing|cancelling|canceling) (?:my|the|that) (?:\w+ )?(?:donation|pledge|offer|contribution|commitment)\b|\bi (?:don't|do not|dont) (?:want|wish) to\W*$|\bmy (?:final )?answer is no\b|\bthe answer is no\b|\bi won't\b\W*$|\bi will not\W*$"
)
_WEAK_REFUSAL = re.compile(
    r"^\W*(?:(?:sorry|oh|well|um+|uh|hmm+|but|honestly|actually)\W+){0,2}(?:no,? (?:thanks|thank you|thank u|thx)|no|nope|nah|not today|not right now|not this time|not at this time|not now|not at the moment|not for me|i'm sorry,? no|i can't|i cannot|i really can't|sorry)"
    r"(?:\W+(?:sorry|thanks|thank you|today|i'm sorry|not today|not this time|i can't|i'm good|i'm okay|not really|not right now|i cannot|i don't think so|i do not|i don't|i won't|i would not|i wouldn't|sir|not interested|at this time|at the moment|right now|unfortunately|i am not|i'm not))*\W*$"
)
_RETHINKS = words(
    r"let me think", r"(?:need|have|want|like) to think", "think (?:it|this|that) over", "second thoughts?", r"need to reconsider", r"changed? my mind", r"take (?:that|it|my offer) back",
    r"hold off", r"not (?:so )?sure (?:anymore|any more|now|i (?:can|want|should|will))", "never ?mind", "no longer sure",
)  # fmt: skip
_VAGUE = re.compile(rf"\b(?:i'll|i will|i would|i'd|i can|i could|i am going to|i'm going to|happy to|glad to|i am willing to|i want to)(?: \w+){{0,4}}? (?:{_GIVING}|help)\b")
_MONEY_TALK = re.compile(r"\bof that\b|\bof it\b")


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the persuader's last turn leaves behind.

    Attributes:
        turn: its index.
        proposed: the one amount that it proposes; None if there is none.
        plain_yes: True if a plain "yes" accepts it: the proposal is its last question.
        too_much: True if "no" is the answer that accepts ("Would $2 be too much?").
        pledged: the amount that the persuader gives itself; None if there is none.
        asks: True if it asks for a donation or an amount.
        asks_more: True if it asks for more than what stands.
    """

    turn: int
    proposed: Amount | None = None
    plain_yes: bool = False
    too_much: bool = False
    pledged: Amount | None = None
    asks: bool = False
    asks_more: bool = False


def read_outcome(transcript: Transcript) -> Outcome:
    """Both donations of one conversation.

    Args:
        transcript: the whole record of one conversation.

    Returns:
        The donation stated in the dialogue, see `stated_donation`, and the one decided in private (None if it never came to that).
    """
    actual = None if transcript.decision is None else transcript.decision.cents
    return Outcome(stated=stated_donation(transcript.utterances), actual_cents=actual)


def stated_donation(utterances: Sequence[tuple[Role, str]]) -> StatedDonation:
    """The donation that the persuadee says in the dialogue that it intends to give: its last standing commitment.

    Args:
        utterances: (role, text) of every turn, in order.

    Returns:
        Status ``"amount"`` with whole cents, ``"refused"`` or ``"undetermined"``. Turn and span point to the words that the amount was
        read from: of an accepted proposal that is the persuader's turn. Undetermined without a turn means that nothing was said;
        with a turn, that those words leave it open.

    Source: intended donation (B5) of Wang et al. (2019), which is annotated by people; this reader is made of rules and leaves open
    what the rules do not decide.
    """
    standing = StatedDonation(status="undetermined")
    heard = _Heard(turn=-1)
    named: list[Amount] = []  # every amount with a unit so far, by either speaker, in order
    for turn, (role, text) in enumerate(utterances):
        amounts = [_with_unit(amount, named) for amount in find_amounts(text)]
        if role == "persuader":
            heard = _hear(turn, text, amounts, standing)
        else:
            standing = _listen(turn, text, amounts, named, heard, standing)
            heard = _Heard(turn=-1)
        named += [amount for amount in amounts if amount.kind == "money"]
        del named[:-50]
    return standing


def _with_unit(amount: Amount, named: list[Amount]) -> Amount:
    """A bare number with the unit that it had when it was last said with one: "10" after "10 cents" is 10 cents."""
    if amount.kind == "number" and amount.share is None and amount.cents % 100 == 0:
        for earlier in reversed(named):
            if earlier.cents in (amount.cents, amount.cents // 100) and earlier.cents:
                return replace(amount, cents=earlier.cents)
    return amount


def _by_clause(text: str, amounts: list[Amount]) -> list[tuple[list[Clause], list[list[Amount]]]]:
    """The sentences of an utterance, each with the amounts of each of its clauses."""
    result = []
    rest = iter([*amounts, None])
    amount = next(rest)
    for sentence in sentences(text):
        held: list[list[Amount]] = []
        for clause in sentence:
            inside = []
            while amount is not None and amount.start < clause.end:
                if amount.start >= clause.start:
                    inside.append(amount)
                amount = next(rest)
            held.append(inside)
        result.append((sentence, held))
    return result


def _commits(sentence: list[Clause], held: list[list[Amount]], position: int, index: int, *, answering: bool) -> bool:
    inside = held[position]
    start = inside[index - 1].end if index else sentence[position].start
    end = inside[index + 1].start if index + 1 < len(inside) else sentence[position].end
    return commits(sentence, position, inside[index], (start, end), answering=answering)


def _hear(turn: int, text: str, amounts: list[Amount], standing: StatedDonation) -> _Heard:
    """What a turn of the persuader proposes, pledges and asks for."""
    heard = _Heard(turn=turn)
    parts = _by_clause(text, amounts)
    for number, (sentence, held) in enumerate(parts):
        words_said = "".join(clause.text for clause in sentence)[-600:]
        question = sentence[-1].question
        for position, inside in enumerate(held):
            for index, amount in enumerate(inside):
                if _commits(sentence, held, position, index, answering=False) and amount.kind in ("money", "share") and not question:
                    heard = replace(heard, pledged=amount)
        if question or number == len(parts) - 1:
            asks = question and (_ASKS_TO_GIVE.search(words_said) is not None or bool(amounts))
            heard = replace(heard, asks=heard.asks or asks, plain_yes=heard.plain_yes and not question)
        if re.search(r"\bhow much\b|\bwilling to\b|\bwould you like to\b|\bplease (?:donate|give)\b|\byou can (?:choose|donate|give)\b", words_said):
            heard = replace(heard, asks=True)
        proposed = _proposal(sentence, held)
        if proposed is not None and (_REQUEST.search(words_said) or question) and not _NO_REQUEST.search(words_said):
            heard = replace(heard, proposed=proposed, plain_yes=question, too_much=_TOO_MUCH.search(words_said) is not None, asks=True)
    said = plain(text)[-600:]
    more = _ASKS_FOR_MORE.search(said) is not None
    if standing.cents is not None and heard.proposed is not None:
        more = heard.proposed.cents > standing.cents
    return replace(heard, asks_more=more)


def _proposal(sentence: list[Clause], held: list[list[Amount]]) -> Amount | None:
    """The one amount of a sentence; None if it names none, several or a range."""
    found = []
    for clause, inside in zip(sentence, held, strict=True):
        for amount in inside:
            before = clause.text[max(0, amount.start - clause.start - 60) : amount.start - clause.start]
            bare = amount.kind == "number" and re.search(rf"\b(?:{GIVE}|about|for|is)\s*$", before) is None
            if not bare and not re.search(r"\b(?:out of|of|from) (?:the|your|my|our)(?: \w+)?\s*$", before):
                found.append(amount)
    if not found or any(a.kind == "range" for a in found) or len({a.cents for a in found}) > 1 or not found[-1].cents:
        return None
    return found[-1]


def _listen(turn: int, text: str, amounts: list[Amount], named: list[Amount], heard: _Heard, standing: StatedDonation) -> StatedDonation:
    """What stands after a turn of the persuadee."""
    before = standing
    committed = False  # to an amount, in this turn
    spoken = False  # anything that settles how the proposal is answered
    for sentence, held in _by_clause(text, amounts):
        for position, clause in enumerate(sentence):
            for index, amount in enumerate(held[position]):
                if _commits(sentence, held, position, index, answering=heard.asks or committed):
                    committed = spoken = True
                    standing = _stand(turn, amount, amounts, named, before)
                else:
                    low = clause.text[max(0, amount.start - clause.start - 120) : amount.start - clause.start]
                    after = clause.text[amount.end - clause.start : amount.end - clause.start + 120]
                    if denied(low, after):
                        spoken = True
                        if standing.status == "amount" and standing.cents == amount.cents and amount.kind != "range":
                            standing = StatedDonation(status="undetermined", turn=turn, span=(amount.start, amount.end))
            if clause.question and not clause.text.strip():
                continue
            standing, said = _refuse(turn, clause, sentence, position, bool(held[position]), heard, standing, committed)
            spoken = spoken or said
    if committed:
        return standing
    accepted = None if spoken else _accepted(text, heard)
    if accepted is not None:
        return StatedDonation(status="amount", cents=accepted.cents, turn=heard.turn, span=(accepted.start, accepted.end))
    return standing


def _stand(turn: int, amount: Amount, amounts: list[Amount], named: list[Amount], before: StatedDonation) -> StatedDonation:
    """What stands once the persuadee has committed itself to an amount."""
    span = (amount.start, amount.end)
    cents = amount.cents
    if amount.kind == "range":
        return StatedDonation(status="undetermined", turn=turn, span=span)
    if cents == 0:
        return StatedDonation(status="refused", turn=turn, span=span)
    if amount.share is not None and amount.of_that:
        earlier = [*named, *(a for a in amounts if a.kind == "money" and a.end <= amount.start)]
        base = earlier[-1].cents if earlier else MAX_CENTS
        cents = int(amount.share * base + amount.share.__class__("0.5"))
    if amount.more and before.cents is not None:
        cents += before.cents
    return StatedDonation(status="amount", cents=cents, turn=turn, span=span)


def _refuse(
    turn: int, clause: Clause, sentence: list[Clause], position: int, has_amount: bool, heard: _Heard, standing: StatedDonation, committed: bool
) -> tuple[StatedDonation, bool]:
    """What stands after a clause that may refuse, withdraw or reopen, and whether it does."""
    text = clause.text[:400]
    earlier = sentence[position - 1].text[-60:] if position else ""
    if clause.question or re.search(r"\b(?:if|unless|when)\b", text[:60]) or re.search(r"\bif\b", earlier):
        return standing, False
    span = (clause.start, clause.end)
    refused = StatedDonation(status="refused", turn=turn, span=span)
    strong = _REFUSALS.search(text)
    if strong:
        return refused, True
    particular = _I_REFUSE.search(text)
    if particular:
        if has_amount or _PARTIAL.match(particular["rest"]):
            return standing, True
        return (standing, True) if committed else (refused, True)
    if position == 0 and not has_amount:
        whole = "".join(c.text for c in sentence)[:200]
        if _VAGUE.search(whole) and not re.search(r"\b(?:not|\w+n't|cannot)\b", whole):
            return standing, False  # "No, but I will donate next month"
        if _WEAK_REFUSAL.match(clause.text[:200]) or _WEAK_REFUSAL.match(whole):
            if not heard.asks or heard.too_much:
                return standing, False
            if standing.status == "amount" and heard.asks_more:
                return standing, True
            return refused, True
    if standing.status == "amount" and not committed and not heard.asks_more and _RETHINKS.search(text):
        return StatedDonation(status="undetermined", turn=turn, span=span), True
    if standing.status == "refused" and standing.turn != turn and _VAGUE.search(text) and not re.search(r"\b(?:not|\w+n't|never|rather)\b", text):
        return StatedDonation(status="undetermined", turn=turn, span=span), False
    return standing, False


def _accepted(text: str, heard: _Heard) -> Amount | None:
    """The amount of the persuader that a turn without an amount of its own accepts; None if it does not."""
    said = [("".join(c.text for c in sentence)[:300], sentence[-1].question) for sentence in sentences(text[:4000])]
    if not said:
        return None
    told = [sentence for sentence, question in said if not question]
    if heard.pledged is not None and any(_SAME.search(sentence) for sentence in told):
        return heard.pledged
    if heard.proposed is None:
        return None
    if heard.too_much and _NOT_AT_ALL.match(said[0][0]):
        rest = _NOT_AT_ALL.sub(" ", said[0][0])
        return None if _HEDGE.search(_HARMLESS_HEDGE.sub(" ", rest)) else heard.proposed
    if any(_HEDGE.search(_HARMLESS_HEDGE.sub(" ", sentence)) for sentence in told):
        return None
    if any(_ACCEPTS.search(sentence) for sentence in told):
        return None if heard.too_much and _YES.match(said[0][0]) else heard.proposed
    first, question = said[0]
    if question or not heard.plain_yes or heard.too_much or not _YES.match(first):
        return None
    weak = _WEAK_YES.match(first)
    if weak is not None and (len(first[weak.end() :].split()) > 8 or (len(said) > 1 and said[1][1])):
        return None
    return heard.proposed
