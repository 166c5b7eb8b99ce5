"""Does a turn of the persuadee that names no amount accept, refuse, take back, or leave open?"""

from __future__ import annotations

import re
from typing import Literal

from vs_sim.clauses import GIVE, Clause, sentences, words

GIVING = (
    r"(?:donat\w*|dontat\w*|doante|donte|give|giving|contribut\w*|pledg\w*|spare|chip in|part with|(?:make|making) (?:a|any) donation"
    r"|participate)"
)
Answer = Literal["refused", "declined part", "rethinks", "vague yes"]

# Yes ------------------------------------------------------------------------------------------------------------------------------

_YES = re.compile(
    r"^\W*(?:(?:oh|well|hmm+|ah|um+|and|so|then|lol|haha)\W+){0,2}"
    r"(?:yes|yeah|yea|yep|yup|ya|sure|surely|ok|okay|okey|alright|all right|fine|deal|absolutely|definitely|of course|certainly|agreed"
    r"|gladly|correct|right|no problem|why not|indeed|you got it|sounds good|done|sold|with pleasure|by all means"
    r"|you (?:may|can)(?=\W*$)|i (?:guess|suppose|think) so)\b"
    r"(?!\s(?:it|it's|they|the|there|people|children|kids|not)\b)"
)
_IN_AGREEMENT = re.compile(  # nothing but words of agreement: "I sure can", "I like that idea", "Okie dokie"
    r"(?:\W*\b(?:a|absolutely|also|amount|am|an|and|be|believe|can|could|definitely|do|doable|dokie|done|easily|enough|fair|fine|for|give"
    r"|glad|gladly"
    r"|go|good|great|guess|happily|happy|i|i'd|i'll|i'm|idea|is|it|it's|just|let's|like|love|me|much|of|ok|okay|okie|plan|possible"
    r"|probably|quite|right"
    r"|so|suppose|sure|surely|that|that's|the|then|think|this|to|too|very|well|will|willing|with|works|would|yeah|yep|yes)\b){1,10}\W*"
)
_GLAD = words(
    *("can", "could", "do", "doable", "done", "fair", "fine", "glad", "gladly", "good", "great", "happy", "happily", "like", "love"),
    *("ok", "okay", "okie", "possible", "sure", "surely", "will", "willing", "works", "would", "yeah", "yep", "yes", "definitely"),
    "absolutely",
)
_OKAY = re.compile(r"^\W*(?:(?:oh|well)\W+)?(?:(?P<okay>ok|okay|okey|right|fine|alright|all right)|yes|yeah|ya|yea)\b")
_ABLE = r"(?:'d|'ll| will| would| (?:think i )?(?:can|could)(?: probably| definitely)?| probably can| guess i can| suppose i can)"
_GOOD = (
    r"(?:(?:fine|good|great|reasonable|ok|okay|perfect|fair|doable|right|correct|acceptable|comfortable|manageable|do|deal|plan)"
    r"(?!\s(?:cause|charity|organi[sz]ation|point|question|thing|way|work|reason|story|to (?:know|hear)))\b)"
)
_ACCEPTS = words(
    rf"(?:i|we){_ABLE} (?:certainly |definitely |probably |gladly |happily )?(?:do (?:that|it|so)|be (?:happy|glad|willing|able|ok|okay"
    rf"|fine|comfortable))",
    rf"(?:i|we){_ABLE} (?:definitely |probably )?(?:(?:go|agree) (?:with|for|to) (?:that|it)|(?:give|donate|manage|afford"
    rf"|spare) (?:that|it)|agree)",
    r"(?:i'm|i am|im) (?:happy|glad|willing|fine|okay|ok|good|comfortable) (?:to|with)(?! (?:listen|hear|talk|chat|learn|know))",
    *(r"(?:i'm|i am|im) in", "i accept", "i agree", "count me in", r"let's do (?:it|that)", "it's a deal"),
    *(r"you(?:'ve)? (?:got|have) (?:yourself )?a deal", "consider it done", "my pleasure"),
    *(r"that(?:'s something)? i (?:can|could|will|would) (?:do|give)", "go(?:ing)? (?:with|for) (?:that|it)"),
    r"you(?:'ve| have)? (?:convinced|persuaded|sold) me",
    rf"(?:that|it|this)(?:'s|s| is| would be| will be| sounds| seems| works| should be| amount is)(?: \w+){{0,3}} {_GOOD}",
    *(r"(?:that|this|it) (?:works|would work|will work|will do|it is)", r"that is an amount i"),
    rf"(?:sounds|seems) (?:like )?(?:a )?{_GOOD}",
)
_ACCEPTS_AT_END = re.compile(
    r"^\W*(?:\w+\W+){0,3}i (?:would|could)\W*$|\b(?:i (?:can|will)|(?:count|rely) on me|yes,? you can"
    r"|happy to(?: do (?:that|it|so))?|(?:i'd|i would) (?:love|like|be \w+) to(?: help)?)\W*$"
)
_NOT_AT_ALL = re.compile(r"^\W*(?:no|nope|not at all|nah)\b")
_HEDGE = words(
    *("not", "no", "never", r"\w+n't", "cannot", "cant", "wont", "dont", "unable", "unsure", "maybe", "might", "later", "think about"),
    *("first", "consider", "wonder", "depends", "if i", "unless", "wish", "rather", "instead", "less", "only if", "would have"),
    *("how about", r"next (?:month|week|time|year)", r"too (?:much|high)", "if (?:you|they|we)", "when i"),
    rf"{GIVING} (?:some|something|a (?:little|bit|few))",
)
_HARMLESS_HEDGE = words(
    *("consider it done", r"not (?:a )?(?:problem|bad|at all)", r"no (?:problem|worries)", "why not"),
    r"(?:don't|do not|dont|wouldn't|would not|wouldnt) mind",
    *("can't wait", r"(?:don't|do not) see why not", r"(?:at|the) first", r"not too (?:much|bad)"),
    "if you (?:want|like|insist|say|think|wish|prefer)",
)
_SAME = re.compile(
    r"\b(?:i'll|i will|i can|i could|i'd|i would|let me|happy to|i'm going to|i want to|glad to|will) (?:\w+ ){0,3}"
    rf"(?:match (?:that|it|you|your\w*|this|the)|(?:{GIVE}) (?:the )?(?:same|that|likewise)|same)\b"
    r"|\bi(?:'ll| will| would| can)(?: \w+){0,2} (?:too|as well)\W*$|^\W*(?:(?:the )?same (?:here|amount|for me)|me too|likewise)\b"
)

# No -------------------------------------------------------------------------------------------------------------------------------

_NOT = (
    r"(?:won't|wont|will not|can't|cant|cannot|can not|(?:do not|don't|dont) (?:want|wish|plan|intend|feel|think|choose|care)"
    r"|would not|wouldn't"
    r"|wouldnt|am not|(?<!do )(?<!have )(?<!had )not|refuse|rather not|prefer not|unable|couldn't|could not)"
)
_I_WILL_NOT_GIVE = re.compile(
    r"(?:\b(?:i|we|i'm|im|i'd|i'll|i've)\b|^\W*(?:(?:sorry|no|nope|unfortunately|actually|and|so|well|honestly|again|then|please)\W+){0,3}"
    r"(?=won't|will not|can't|cannot|not|rather|prefer|unable))"
    rf"(?: (?!(?:it|they|you|he|she|who|know|have|had)\b)[\w']+){{0,4}}? ?{_NOT}\b(?! (?:have|mind)\b)"
    rf"(?: [\w']+){{0,6}}? {GIVING}\b(?P<rest>.{{0,60}})"
)
_PARTIAL = re.compile(  # behind "I won't give": not giving is refused but something particular
    r"^\W*(?:\w+ ){0,3}?(?:much|more|a lot|lots|large|big|as|too|higher|whole|full|entire|all|everything|half|that amount|until|without"
    r"|unless|yet|before|clothes|food|blood|toys|blindly|often|regularly|every|monthly|further|again|because|else|beyond|above|over|extra"
    r"|other"
    r"|than)\b"
)
_MY_MONEY = r"(?:all |all of |it all|the whole |the |every )?(?:of )?(?:my |the |this )?(?:own |whole |entire |full |task )?"
_REFUSES = words(
    r"(?:i'll|i will|i'd|i would|i|i'm going to|i am going to|have to|must|going to|gonna|think i'll)"
    r"(?: (?:have to|just|rather|respectfully|politely|probably|need to|must|like to|prefer to|want to|be)){0,3}"
    r" (?:pass|passing|decline|declining|say no|opt out)",
    *(r"(?:i'd|i would|i)(?: \w+)? rather not", "i (?:would )?prefer not(?: to)?"),
    r"(?:rather|prefer to|going to|want to|like to|need to|decided to|will|i'll|i'm|have to|too|and)"
    r" (?:keep(?:ing)?|(?:hold|hang)(?:ing)? on to) "
    rf"{_MY_MONEY}(?:money|payment|earnings|pay|reward|bonus|full|\$?2|cash|it(?=\W*$))",
    *(rf"{GIVING} (?:nothing|none|zero)", rf"not (?:really |at all |currently )?interested in (?:{GIVING}|a donation|any donation)"),
    *(r"(?:decided?|choose|chose) against", rf"hold(?:ing)? off (?:on )?(?:{GIVING}|for now|today)"),
    *("nothing (?:from me|this time|today|for now)", "no donations? (?:from me|today|this time|for now|right now)"),
    rf"no (?:plans?|intention|desire|interest) (?:to|of|in) {GIVING}",
    r"not (?:even )?(?:a|one|1) (?:single )?(?:cent|penny|dime|nickel)(?! more)",
    rf"(?:not|\w+n't|cannot|never)(?: going to)? (?:get|getting|see|{GIVING})(?: \w+)? (?:even )?(?:a|one|1|any) (?:single )?(?:cent"
    rf"|penny|dime|nickel"
    r"|money|thing)",
    r"(?:cancel|withdraw|retract|rescind|withdrawing|cancell?ing) (?:my|the|that) (?:\w+ )?(?:donation|pledge|offer|contribution"
    r"|commitment)",
    *(r"my (?:final )?answer is no", "the answer is no", "(?:it's|that's|is) a no"),
)
_REFUSES_AT_END = re.compile(
    r"^\W*so,? no\W*$|\b(?:i (?:don't|do not|dont) (?:want|wish) to|i won't|i will not|not willing to"
    r"|i refuse)\W*$|^\W*(?:no|sorry|i'm|i am)\W+(?:i'm |i am )?not interested\b"
)
_WITHDRAWS = words(
    *("changed? my mind", "second thoughts?", "never ?mind", "take (?:that|it|my offer) back", "scra(?:p|tch)", "disregard", "forget"),
    *(r"keep\w*", r"cancel\w*", r"withdraw\w*", "retract", "nothing", "none", "any", "penny", "cent"),
)
_ONLY_NO = re.compile(
    r"^\W*(?:(?:sorry|i'm (?:so |very |really )?sorry|oh|well|um+|uh|hmm+|but|honestly|actually|thanks|thank you)\W+){0,2}"
    r"(?:(?:absolutely|definitely|certainly|probably|of course|i think|i'd say) not|(?:hard )?pass|no way"
    r"|(?:i'm )?afraid not|no can do|not interested"
    r"|(?:not a|no) chance|never|forget it"
    r"|zero|nothing|none|no,? (?:thanks|thank you|thank u|thx)|no|nope|nah|not (?:today|right now|this time|at this time|now"
    r"|at the moment|for me)|i'm sorry,? no|i (?:really )?(?:can't|cannot)|sorry)"
    r"(?:\W+(?:sorry|thanks|thank you|today|i'm sorry|not (?:today|this time|really|right now|interested)|i (?:really )?(?:can't|cannot"
    r"|don't think so|do not"
    r"|don't|won't|would not|wouldn't)|i'm (?:good|okay|not)|i am not|sir|at this time|at the moment|right now|unfortunately))*\W*$"
)

# Neither --------------------------------------------------------------------------------------------------------------------------

_RETHINKS = words(
    *("let me think", r"(?:need|have|want|like) to think(?= (?:it|this|that|about|on)\\b|\\W*$)", "think (?:it|this|that) over"),
    *("second thoughts?", "need to reconsider", r"changed? my mind", "take (?:that|it|my offer) back", "hold off", "never ?mind"),
    "no longer sure",
    "(?:scrap|scratch|disregard|forget|ignore|cancel)(?: about)? (?:that|it|this|(?:my|the) (?:offer|donation|pledge))",
    *(r"(?:actually|wait|hmm+|sorry)\W+no(?=\W*$)", r"(?:don't think (?:that )?i can|i can't)(?=\W*$)"),
    *(r"i (?:can't|cannot) (?:afford|do|give) (?:it|that|this)", r"back(?:ing)? out"),
    r"not (?:so )?sure (?:anymore|any more|now|i (?:can|want|should|will))",
)
_VAGUE_YES = re.compile(
    r"\b(?:i'll|i will|i would|i'd|i can|i could|i am going to|i'm going to|happy to|glad to|i am willing to|i want to"
    r"|i (?:don't|do not|dont|wouldn't|would not|wouldnt) mind)"
    rf"(?: \w+){{0,4}}? (?:{GIVING}|help)\b"
)
_ANY_NOT = words("not", r"\w+n't", "cannot", "never", "rather")


def accepts(text: str, *, plain_yes: bool, too_much: bool) -> bool:
    """True if a turn without an amount of its own accepts the amount that was just proposed.

    Args:
        text: the persuadee's turn.
        plain_yes: True if the proposal was the last question, so that "yes" is an answer to it.
        too_much: True if the question was whether the amount is too much, so that "no" accepts.
    """
    said = [("".join(c.text for c in sentence)[:300], sentence[-1].question) for sentence in sentences(text)][:20]
    if len(said) > 1 and said[0][1] and len(said[0][0].split()) <= 3:
        said = said[1:]  # "50 cents? Sure."
    if not said:
        return False
    first, question = said[0]
    if too_much and _NOT_AT_ALL.match(first):
        return _HEDGE.search(_HARMLESS_HEDGE.sub(" ", _NOT_AT_ALL.sub(" ", first))) is None
    told = [sentence for sentence, asks in said if not asks]
    if any(_HEDGE.search(_HARMLESS_HEDGE.sub(" ", sentence)) for sentence in told):
        return False
    if any(_ACCEPTS.search(sentence) or _ACCEPTS_AT_END.search(sentence) for sentence in told):
        return not (too_much and _YES.match(first))
    if (question and "why not" not in first) or not plain_yes or too_much:
        return False
    if not _YES.match(first):
        return bool(_IN_AGREEMENT.fullmatch(first) and _GLAD.search(first))
    okay = _OKAY.match(first)
    # "Okay" and a long sentence, or "okay" and a question, only says that one has listened.
    return okay is None or (len(first[okay.end() :].split()) <= 8 and not (okay["okay"] and len(said) > 1 and said[1][1]))


def matches_gift(text: str) -> bool:
    """True if a turn says that the persuadee gives as much as the persuader ("I'll match that", "same here")."""
    said = (("".join(c.text for c in sentence)[:300], sentence[-1].question) for sentence in sentences(text))
    return any(_SAME.search(sentence) for sentence, question in said if not question)


def answer(sentence: list[Clause], position: int, *, names_amount: bool, asked: bool) -> Answer | None:
    """What a clause of the persuadee says about giving at all.

    Args:
        sentence: the clauses of the sentence.
        position: index of the clause.
        names_amount: True if the clause names an amount: then it refuses that amount at most.
        asked: True if the persuader has just asked for a donation, so that a bare "no" is an answer.

    Returns:
        ``"refused"``, ``"declined part"`` (not giving, but something particular), ``"rethinks"``, ``"vague yes"`` (a gift without
        an amount), or None if it says nothing about it.
    """
    clause = sentence[position]
    text = clause.text[:400]
    conditions = text[:60] + (sentence[position - 1].text[-60:] if position else "")
    if clause.question or words("if", "unless").search(conditions) or words("when").search(text[:60]):
        return None
    if _REFUSES.search(text) or _REFUSES_AT_END.search(text) or ("$0" in text and re.search(rf"{GIVING} \$0(?![.,\d])", text)):
        return "refused"
    particular = _I_WILL_NOT_GIVE.search(text)
    if particular is not None:
        partial = _PARTIAL.match(re.sub(r"\b(?:at|after) all\b", " ", particular["rest"]))
        return "declined part" if names_amount or partial else "refused"
    if asked and position == 0 and not names_amount:
        whole = "".join(c.text for c in sentence)[:200]
        positive = _VAGUE_YES.search(whole) and not _ANY_NOT.search(whole)  # "No, but I will donate next month"
        if not positive and (_ONLY_NO.match(text[:200]) or _ONLY_NO.match(whole)):
            return "refused"
    if _RETHINKS.search(text):
        return "rethinks"
    return "vague yes" if _VAGUE_YES.search(text) and not _ANY_NOT.search(_HARMLESS_HEDGE.sub(" ", text)) else None


def takes_back(clause: Clause) -> bool:
    """True if a refusing clause is about the whole gift and not only about giving more."""
    return _WITHDRAWS.search(clause.text[:400]) is not None or _I_WILL_NOT_GIVE.search(clause.text[:400]) is not None
