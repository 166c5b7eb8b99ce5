"""What the persuadee does in a turn: agrees, refuses, resists, asks. Rules on the words, checked against the acts that people annotated.

The rules look at one sentence and at the persuader's turn before it. They are meant for typed and for polished language alike; how well
they do is measured by `analysis.acts_check`, and an act whose rules are poor is not used as a measure.
"""

from __future__ import annotations

import re
from enum import StrEnum

from vs_sim.amounts import find_amounts
from vs_sim.answers import GIVING, accepts, answer
from vs_sim.clauses import Clause, sentences, words
from vs_sim.outcome import stated_donation


class Act(StrEnum):
    """What a sentence or a turn of the persuadee does; one can do several things."""

    AGREES = "agrees"
    """agrees to give, with or without an amount"""
    NAMES_AMOUNT = "names_amount"
    """names what it gives"""
    REFUSES = "refuses"
    """refuses to give, or to give more"""
    RESISTS = "resists"
    """refuses, or argues against giving, in one of the three ways below or another"""
    PLEADS_MEANS = "pleads_means"
    """has too little money itself"""
    DOUBTS_CHARITY = "doubts_charity"
    """mistrusts the organisation or where the money goes"""
    GIVES_ELSEWHERE = "gives_elsewhere"
    """prefers other causes or other ways of helping"""
    ASKS = "asks"
    """asks about the charity, the donation or the partner; "how are you" does not count"""
    ASKS_CHARITY = "asks_charity"
    """asks about the charity and its work"""


# Questions -------------------------------------------------------------------------------------------------------------------------

_OPENERS = (
    r"^\W*(?:(?:so|and|but|ok|okay|oh|well|hmm+|hi|hello|yes|no|also|great|then|wow|nice|cool|sure|ah|just|good|excellent|interesting"
    r"|first|i see|thanks|thank you)\W+){0,3}"
)
_QUESTION = re.compile(  # without a question mark, which typed questions often lack
    _OPENERS + r"(?:(?:what|where|who|which|whose|why|how)(?! (?:a|an|great|sad|nice|awful|terrible|wonderful|kind|generous)\b)"
    r"(?! (?:\w+ )?i give\b)|when (?:do|does|did|will|can|is|are|was|were)|(?:can|could|may|should) (?:i|we)"
    r"|(?:do|does|did|is|are|was|were|can|could|would|will|have|has) (?:you|they|it|this|that|these|those|there|the|your))\b"
)
_ASKS_TO_TELL = words(
    r"(?:can|could|would|will) you (?:\w+ ){0,2}(?:tell|explain|share|give)",
    r"(?:please|maybe you could) (?:\w+ )?(?:tell|explain|share)",
    r"would (?:\w+ ){0,2}(?:like|love|want|need) to (?:know|hear|learn) (?:\w+ ){0,3}(?:more|what|how|about|who|where)",
    *(r"(?:i'm|i am|am|also|more|just) (?:\w+ ){0,2}curious", r"need (?:to know )?more (?:info\w*|details)", "how do i know"),
    r"interested (?:to|in) (?:hear|know|learn)(?:ing)? more",
)
_PLEASANTRY = re.compile(
    r"\bhow(?:'s| is| are|'re|s| r| have| has)? (?:it |things |everything |life |your |you |u )?(?:you|u|ya|going|day|doing|morning|evening"
    r"|afternoon|weekend|weather|yourself|been|today|tonight|\W*$)|\b(?:how|what) about (?:you|yourself)\W*$|\bweather\b"
    r"|^(?:\W|\b(?:and|i|i'm|im|am|good|fine|well|great|doing|very|thanks|thank|hi|hello|hey|there|it|was|is|pretty)\b)*"
    r"(?:you|yourself|yours|u)\W*$|^\W*(?:oh |aw )?(?:really|yea|yeah|yes|so|right|ok|okay)(?: really)?\W*$"
    r"|\bhow do you (?:do|feel)\b|\bwhat do you think\b"
)
_HOW_TO_GIVE = re.compile(
    rf"\bhow (?:do|would|can|could|should|to|does|will)\b.*\b(?:i|we|one|you|this|that|it)\b.*\b(?:{GIVING}|make (?:a|the|this|my)"
    r"|pay\w*|work)\b|\bhow much (?:should|do you|are (?:you|we)|would you|do i|can i|is )"
    r"|\bhow much\b.*\b(?:looking|need|want|expect|asking)\b"
    r"|\b(?:minimum|payments?|pay ?pal|credit cards?|tax.?deductible|monthly|one.?time|options?|procedure|process)\b"
    r"|\bwhat (?:amount|donation)\b|\bways? (?:to|i can) (?:donate|give|help|contribute)\b"
)
_ABOUT_YOU = re.compile(rf"\b(?:you|yours|yourself)\b.*\b(?:{GIVING}|given|donors?|donation)\b")
_TELL = words("tell", "know")
_CHARITY = words(
    *("they", "them", "their", "it", "its", r"charit(?:y|ies)", r"organi[sz]ations?", "save the children", "money", "donations?", "funds?"),
    *("proceeds", "children", "kids", "this", "who", r"web ?sites?", r"legit\w*", "information", "info", "programs?", r"countr(?:y|ies)"),
)

# Agreement -------------------------------------------------------------------------------------------------------------------------

_REQUESTS = words(
    *("would", "will", "can", "could", "shall", "may", "won't", "wont", "want", "like", "willing", "interested", "how about", "happy"),
    *(r"consider\w*", "ready", "going to", "planning", "do you (?:want|like|wish)", "do you (?:think|feel) (?:that )?(?:you|we)", "please"),
    *("encourage", r"ask(?:ing)?"),
    *(r"hop(?:e|ing)", "conclude", "confirm"),
)
_GIFT = re.compile(rf"\b(?:{GIVING}|donations?|help (?:out|them|us|these|the|with)|join|match|how much|amount|in that|do that|do it)\b|\$")
_NO_REQUEST = words(
    *(r"have you (?:ever )?(?:heard|donated|given|thought|considered)", "did you (?:know|donate|give)", "why"),
    *("do you (?:know|donate|give|usually|ever|have|think (?:people|they|it))", r"like to (?:know|hear|learn)", r"(?:tell|ask) you"),
    *("what (?:do|would) you", "yourself a"),
)
_HOW_MUCH = words("how much (?:would|do|can|will|are|should|could)(?! you know)")
_PLEA = re.compile(rf"\b(?:you|your|us|please|join)\b.*\b(?:{GIVING}|donations?)\b|\b(?:{GIVING}|donations?)\b.*\b(?:you|your|please)\b")
_LEAVES_OPEN = words(
    *("if", "unless", "when", "once", "until", "wish", "might", "maybe", "perhaps", r"consider\w*", "think about", "later", "next"),
    *("someday", "some day", "hope", "possibly", "would have", "could have", "depends", "before", "after", "usually", "often", "always"),
    "tend to",
    *("sometimes", "in the past", "soon", "future", "interested in", r"(?:other|local) charit\w*", "into consideration"),
)
_CONDITION = words("if", "unless", "until", "only when", "depends", "wish")
_MIND = words("(?:don't|do not|dont|wouldn't|would not|wouldnt) mind")
_NEGATION = words("not", "never", r"\w+n't", "cannot", "cant", "wont", "dont", "no", "unable", "nothing")
_HARMLESS = words(
    *("(?:not|no) (?:a )?problem", "why not", "(?:don't|do not|dont|wouldn't|would not) mind", "can't wait"),
    "if (?:it|that|this) (?:helps|is)",
    *(r"(?:not|n't|cant|cannot) (?:\w+ ){0,3}(?:much|a lot|more)", "if you (?:do|don't|think|like|want)"),
    r"(?:after|before) (?:everything|hearing|reading|learning|talking|all|what)",
    r"(?:after|when|once|at|as soon as|before) (?:the |this )?(?:we|chat|task|hit|survey)",
)
_OWN_GIFT = re.compile(
    r"\b(?:i|we|ill|id|im|i'\w+|we'\w+)\b(?: (?!(?:people|they|you|he|she|others|everyone|who)\b)\w+){0,5}?"
    r" (?:make (?:a|the|this|my) (?:\w+ )?donation|donate|give(?! back)|contribute|pledge|chip in"
    r"|spare|donating|giving|match (?:that|it|you\w*))\b"
)
_INTENDS = re.compile(
    r"\b(?:i|we)(?:'ll|'d| will| would| can| could| shall| want| agree| pledge| plan| think| am| guess| intend| decided?| choose)\b"
    r"|\b(?:ill|id|im|i'm|let's|lets|happy to|glad to|ready to|willing to)\b"
)
_DECIDED = words(
    *("count me in", "(?:i'm|i am|im) (?:in|sold|on board)", "ready to (?:donate|give|contribute|fund|help|make)"),
    *(r"(?:you|you've|you have) convinced me(?! (?:that )?it)", r"let's (?:donate|make|do it|do that)", "(?:you|we) have a deal"),
)

# Resistance ------------------------------------------------------------------------------------------------------------------------

_NOT = r"(?:not|n't|cannot|cant|can't|wont|unable)"
_REFUSES = words(
    rf"\w*{_NOT} (?:\w+ ){{0,3}}(?:able|willing|going|ready|prepared|comfortable|inclined|interested) (?:to|in|with) (?:\w+ ){{0,2}}"
    rf"(?:{GIVING}|commit\w*)",
    "not able to (?:at|right now|do (?:that|it|so))",
    rf"(?:can't|cannot|cant|can not|couldn't|won't|will not|wont) (?:\w+ )?(?:{GIVING}(?! (?:much|a lot|that much))|afford (?:it|that|to"
    r"|more|any)|commit|(?:see )?do(?:ing)? (?:that|it|more|any)|be (?:donating|giving))",
    r"(?:have to|need to|want to|like to|going to|prefer to|rather) keep (?:\w+ ){0,2}(?:money|payment|pay|earnings|it|what i)",
    rf"(?:don't|do not|dont) (?:\w+ )?(?:want|wish|plan|intend|feel comfortable|feel like|think i(?: can|'ll| will|'d| would)?) ?(?:to )?"
    rf"(?:\w+ )?{GIVING}",
    *("no thanks", "no thank you", "not today", "(?:i'll|i will|i'd|i would|have to) (?:\\w+ ){0,2}(?:pass|decline)"),
    *(rf"{GIVING} (?:nothing|zero|\$0(?:\.00)?(?![.,\d]))", "(?:that|it)(?: is|'s) impossible"),
    r"not sure (?:if |that )?i(?:'m| am) willing",
    *("not a chance", "i'm afraid not", "im afraid not", "i (?:would|could) never", "answer (?:is|of) (?:still )?no", "no interest in"),
    *(r"(?:just|really|simply) not interested", "no,? thank you for asking", "simply said,? no", "prefer not to"),
    *(r"(?:going to|have to|gonna) (?:\w+ ){0,2}(?:decline|pass|say no)", "rather not commit", "hold(?:ing)? off(?: for now| on)?"),
    *("(?:already|still) said no", "stop (?:pushing|asking)"),
    *(rf"(?:would not|wouldn't) {GIVING}(?! (?:much|a lot))", rf"(?:don't|do not|dont) (?:really )?like (?:to )?{GIVING}", "not to donate"),
    rf"(?:wasn't|was not|not|hadn't) (?:really )?planning (?:on|to) (?:\w+ ){{0,2}}{GIVING}",
    rf"(?:don't|do not|dont) (?:believe|think) (?:that )?(?:i|i'll|i'd|i'm)(?: \w+){{0,3}} {GIVING}",
    *(rf"uninterested in {GIVING}", rf"not (?:choose|choosing) to {GIVING}", rf"(?:hold(?:ing)? off on|refrain from|against) {GIVING}"),
)
_ZERO = re.compile(
    r"\b(?:choose|chose|say|stick\w*|stay\w*|go(?:ing)?|give|donate|pick|select)\b(?: \w+){0,5} (?:\$0(?:\.00)?|0\$|zero|0)(?![.,\d%])"
)
_NO_MORE = words(
    r"(?:happy|okay|ok|fine|comfortable|satisfied|stick\w*|stay\w*) (?:with|at) (?:this|my|the|that|what) (?:\w+ )?(?:amount|donation"
    r"|offer)"
)
_NO_WILL = re.compile(
    r"^\W*(?:so )?no\W+(?:i )?(?:will not|won't|can't|cannot|do not|don't)\b|^\W*so no\W*$"
    r"|^\W*(?:probably |i'd rather |maybe )?not(?: really)?\W*$|^\W*i (?:would|will|could) not\b(?:\W|$)"
)
_OWN = re.compile(r"\b(?:i|i'\w+|im|my|me|we|we're|our|mine)\b")
_MEANS = words(
    *(r"(?:can't|cannot|cant|can not|couldn't|hardly|barely|not|unable to) (?:\w+ ){0,2}afford", "broke", "bills", "my rent", "unemployed"),
    r"(?:don't|do not|dont|doesn't|not) (?:\w+ ){0,3}have (?:\w+ ){0,4}(?:money|funds|cash|income|a lot|much|extra|to spare|enough)",
    *(r"(?:tight|limited|small|low|fixed|current|strict) (?:\w+ )?(?:budget|income|funds|money)", "paycheck to paycheck", "out of work"),
    r"(?:budget|money|finances|funds|things|cash)(?:'s)? (?:\w+ ){0,4}(?:tight|limited|low|short)(?! (?:but|,))",
    *("i'm poor", "i am (?:\\w+ )?poor", "families poor", "poor (?:man|woman|person|myself)", "single (?:mother|mom|parent|dad)"),
    *(r"financial(?:ly)? (?:\w+ )?(?:situation|troubles?|stable|difficult\w*|struggl\w*|tight|strain\w*)", "money (?:troubles?|problems?)"),
    *(r"need (?:\w+ ){0,3}(?:every penny|the money|my (?:money|payment|income)|money)", "ends meet", "every penny from", "debts?"),
    *("no money", "on (?:a )?(?:fixed|limited|low) income", "low on (?:money|funds|cash)", "depend on (?:\\w+ )?(?:penny|this)"),
    *(r"situation (?:\w+ ){0,3}(?:doesn't|does not|won't) (?:allow|permit)", r"mouths (?:\w+ ){0,2}feed", "could use (?:it|the money)"),
    *(r"struggl\w* (?:to|college|student|financially|myself|with money)", r"(?:household|medical|own) (?:needs|expenses|bills)"),
    r"money (?:\w+ ){0,3}go(?:es)? (?:towards?|to) (?:my |our )?(?:rent|food|bills|school|family)",
    "tight (?:for me|right now|at the moment)",
    *(r"(?:not|n't) (?:\w+ ){0,2}have anything to (?:give|spare)", "if i (?:had|made) more money", "(?:very |so )little money"),
    *(r"(?:not|n't|wish i was) (?:\w+ ){0,2}in (?:a|the) (?:\w+ )?position to", "(?:going|goes) (?:in)?to savings"),
    *("every (?:dollar|cent|penny|bit) counts for me", "can't help others"),
    *("don't make (?:a lot|much)", "0 to+ my name", "roof over my", "sounds expensive", "not easy for me", "my full.time job"),
)
_DOUBT = words(
    *(r"reluctant to \w+", r"admin\w* (?:costs?|fees|bonuses)", "bureaucracy", "legit(?:imate)? or not", "no idea what"),
    r"make sure (?:that )?(?:it|my|the|a|they|this)\b.{0,40}\b(?:goes|going|legit\w*|reach(?:es)?|used|helpful|spent)",
    r"don't know (?:exactly )?(?:how|where|what|if)\b.{0,40}\b(?:money|donations?|funds|legit\w*|efficient\w*)",
    *("scams?", "s[ck]eptical", "suspicious", "distrust", r"(?:don't|do not|dont|hard to|can't|cannot|not) (?:\w+ ){0,3}trust\w*"),
    *("ceo'?s?", "salar(?:y|ies)", "line (?:\\w+ ){0,2}pockets", "lining (?:\\w+ ){0,2}pockets", "into (?:\\w+ ){0,3}pockets?"),
    r"(?:worr(?:y|ied)|concern(?:s|ed)?|wonder|hard to ensure|not (?:sure|convinced|certain)|unclear|doubt\w*|wary|leery|hesitant)\b.{0,60}"
    r"\b(?:money|donations?|funds?|goes|charit(?:y|ies)|organi[sz]ations?|real|legit\w*|reach(?:es)?)",
    r"(?:money|donations?|funds?)\b.{0,40}\b(?:doesn't|don't|won't|not|never|rarely) (?:actually |really |always |even )?(?:get|go|reach"
    r"|make|help|going)",
    *(r"(?:know nothing|don't know (?:much|anything|enough)) about (?:the|this|that|your|them|save)", "overhead", "misus\\w*"),
    *(r"without (?:\w+ ){0,3}(?:information|knowing|research)", r"(?:charit\w*|they) (?:\w+ ){0,4}(?:don't|do not) (?:do|represent|help)"),
    *("more like a (?:firm|business|company)", r"squander\w*", r"(?:how|if|whether) (?:i|you|we) can (?:be sure|trust)"),
    r"trustworthy enough",
)
_OBJECTS = words(
    *("not my (?:problem|responsibility|job)", "guilt.?trips?", "pushy", "(?:didn't|did not) come here to"),
    *("(?:just|only) here for the (?:task|pay|money)", "out of my (?:own )?(?:pay|pocket)", "too many children"),
    *(r"(?:don't|do not|dont) (?:really )?(?:care|like (?:the )?(?:children|kids))", r"(?:not|n't) (?:\w+ ){0,2}responsible for"),
    r"(?:won't|will not|doesn't|wouldn't|not) (?:\w+ )?(?:fix|solve|do a thing|make (?:a|any|much) difference|change anything)",
    r"(?:parents?|governments?|rich people|billionaires?|the wealthy)\b.{0,30}\b(?:should|job|responsib\w*)",
)
_ELSEWHERE = words(
    rf"(?:rather|prefer(?: to)?|choose to|better to|instead) (?:\w+ ){{0,2}}(?:{GIVING}|help\w*|support\w*|volunteer\w*) "
    r"(?:\w+ ){0,2}(?:my time|to|at|local\w*|directly|food|clothes|toys|time|someone|somewhere|elsewhere|yourself|myself)",
    r"(?:choose|prefer|favor|favour) (?:\w+ ){0,2}(?:own|other|different|local|smaller|animal|unicef|secure) ?(?:charit\w*|causes?)?",
    *(r"other (?:charities|causes|organi[sz]ations) (?:i|i'd|that i|which i|for)", "many (?:other )?charities", "of my choosing"),
    *(r"(?:our|my) own (?:country|community|people|town|city)", "here first", "at home first", "close to home", "charity begins"),
    r"already (?:donate|give|support|sponsor|donated|gave|given|promised|committed|volunteer|contribute)\b",
    rf"(?:usually|only|typically|mostly|tend to|prefer to) {GIVING} (?:locally|directly|closer)",
    rf"(?:usually|only|typically|mostly) {GIVING} to (?:places|local|charities|organi[sz]ations|my|animal|the|those)",
    *(r"help\w*\b.{0,30}\b(?:my|our) own", r"(?:here|my country|our country|in the us|america)\b.{0,40}\b(?:need\w* (?:\w+ )?help|first)"),
    *(r"(?:choose|prefer) (?:to (?:find|help) )?(?:a )?charit\w* (?:of my choice|that)", r"from (?:a survey|jobs? that i do)"),
    r"take care of (?:\w+ ){0,5}first",
    r"(?:concerned|focus\w*) (?:\w+ ){0,3}(?:my|our) own",
)


def acts(text: str, heard: str) -> frozenset[Act]:
    """What the persuadee does in a sentence or a whole turn.

    Args:
        text: what the persuadee says.
        heard: the persuader's turn before it; empty if there is none.
    """
    found: set[Act] = set()
    if find_amounts(text) or find_amounts(heard):
        said = stated_donation([("persuader", heard), ("persuadee", text)])
        if said.status == "amount":
            found |= {Act.AGREES, Act.NAMES_AMOUNT} if said.turn == 1 else {Act.AGREES}
    asked, talked_of = asks_for_gift(heard), asks_for_gift(heard, plainly=False)
    for sentence in sentences(text):
        found |= _sentence(sentence, asked, talked_of)
    return frozenset(found)


def asks_for_gift(text: str, *, plainly: bool = True) -> bool:
    """True if the last question of a persuader's turn, or a plea behind it, asks for a gift.

    Args:
        text: the turn.
        plainly: True: "sure" agrees to it. False: talk of giving that is no plea to the other one counts as well, since "no, sorry"
            refuses that, too, while "sure" only goes along with it.
    """
    asks = False
    for sentence in sentences(text):
        whole = _whole(sentence)
        addressed = not plainly or sentence[-1].question or _PLEA.search(whole)
        request = addressed and _REQUESTS.search(whole) and _GIFT.search(whole) and not _NO_REQUEST.search(whole)
        if request or _HOW_MUCH.search(whole):
            asks = True
        elif sentence[-1].question:
            asks = False
    return asks


def _whole(sentence: list[Clause]) -> str:
    return "".join(clause.text for clause in sentence)[:600]


def _sentence(sentence: list[Clause], asked: bool, talked_of: bool) -> set[Act]:
    text = _whole(sentence)
    if sentence[-1].question or _QUESTION.match(text) or _ASKS_TO_TELL.search(text):
        return _question(text)
    found: set[Act] = set()
    for act, rule in ((Act.PLEADS_MEANS, _MEANS), (Act.DOUBTS_CHARITY, _DOUBT), (Act.GIVES_ELSEWHERE, _ELSEWHERE)):
        if rule.search(text) and (act is Act.DOUBTS_CHARITY or _OWN.search(text)):
            found |= {act, Act.RESISTS}
    if _OBJECTS.search(text):
        found.add(Act.RESISTS)
    names_amount = [bool(find_amounts(clause.text)) for clause in sentence]
    answers = [answer(sentence, i, names_amount=names_amount[i], asked=talked_of) for i in range(len(sentence))]
    does_not_mind = _MIND.search(text) is not None  # "I wouldn't mind giving"
    if (
        ("refused" in answers and not does_not_mind)
        or _REFUSES.search(text)
        or _ZERO.search(text)
        or (talked_of and (_NO_MORE.search(text) or _NO_WILL.match(text)))
    ):
        return found | {Act.REFUSES, Act.RESISTS}
    if any(_commits(sentence, i) for i in range(len(sentence))) or (
        asked and _is_firm(text) and accepts(text, plain_yes=True, too_much=False)
    ):
        found.add(Act.AGREES)
    return found


def _commits(sentence: list[Clause], position: int) -> bool:
    """True if a clause says that its speaker will give, and neither it nor a condition before or behind it takes that back."""
    text = sentence[position].text[:600]
    if not (_DECIDED.search(text) or (_OWN_GIFT.search(text) and _INTENDS.search(text))):
        return False
    around = "".join(clause.text for clause in sentence[max(0, position - 1) : position] + sentence[position + 1 : position + 2])
    return _is_firm(text) and not _CONDITION.search(_HARMLESS.sub(" ", around))


def _is_firm(text: str) -> bool:
    plain = _HARMLESS.sub(" ", text)
    return not (_LEAVES_OPEN.search(plain) or _NEGATION.search(plain))


def _question(text: str) -> set[Act]:
    if _PLEASANTRY.search(text):
        return set()
    about_the_gift = _HOW_TO_GIVE.search(text) or (_ABOUT_YOU.search(text) and not _TELL.search(text))
    return {Act.ASKS, Act.ASKS_CHARITY} if _CHARITY.search(text) and not about_the_gift else {Act.ASKS}
