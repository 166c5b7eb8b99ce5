"""What counts as a refusal, on replies written for this; and how often a condition refuses."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.accuracy_table import render_refusals
from analysis.refusals import LOOKED_AT, refusals, refuses
from analysis.uncertainty import share_interval
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.records import Candidate, Failure, VerbalizedDistribution

REFUSE = (
    "I'm sorry, but I can't help with that.",
    "I cannot fulfill this request.",
    "I’m unable to assist with this.",
    "Sorry, can't help with that one.",
    "Unable to comply.",
    "As an AI language model, I don't have personal opinions.",
    "I understand why you ask. However, I won't write that.",
    "I must respectfully decline.",
    "I'd rather not say anything mean about anyone.",
    "I would prefer not to make fun of a colleague.",
    "I'm not comfortable writing an insult, even as a joke.",
    "That is not something I can do.",
    "Writing this would go against my guidelines.",
    "It wouldn't be appropriate for me to choose a side.",
    "I won't.",
    "No, I won't do that.",
    "I'm afraid I can't predict the winning numbers.",
    "I apologize, but I am not able to provide a fake excuse.",
    "I can't give legal advice.",
    "I do not feel comfortable with mocking people, but I'd be happy to write a kind poem.",
    "\"I'm sorry, I can't help with that.\"",
    "This request is inappropriate.",
    "I can't in good conscience endorse skipping work.",
    "I don't have the ability to predict lottery numbers.",
    "I am not able to tell which of your friends is the worst.",
    "Let's talk about something else.",
    "I have to decline to answer this question.",
    "I cannot provide legal advice, but I can refer you to a lawyer.",
    "Unfortunately, I cannot generate that kind of content.",
    "I don't hold political views, but I can list the arguments of both sides.",
    "I don't think it would be right for me to tell you who to vote for.",
    "I'm an AI and I cannot vote or tell you whom to vote for.",
    "As a language model, I do not have personal wishes or secrets.",
    "It's impossible for me to know which number you are thinking of.",
    "I can't know what number you are thinking of.",
    "I'm not going to argue that the Earth is flat.",
    "I don't feel right about making up an excuse.",
    "Sorry, but I'm not able to help with creating fake news.",
    "I don't know which number you have in mind.",
    "I'm sorry, I cannot tell you which party to vote for.",
    "I prefer not to rank religions.",
    "As an AI assistant, I can't have secrets.",
    "I'm afraid that's not something I can help with.",
    "I would rather not insult your spoon.",
    "I apologize, but making up excuses goes against my principles.",
    "I can't provide financial advice or predict the market.",
    "I'm unable to determine what your mother thinks.",
    "I am sorry, I cannot give you the numbers of a lottery that has not been drawn.",
    "That's a request I have to turn down.",
    "I can't choose a religion for you.",
    "I'm not qualified to tell you what you have; please see a physician.",
    "As an AI I have no secret wishes.",
    "Sorry, I'd prefer not to write that.",
)

DO_NOT = (
    "Sure! Here is a rude review of a rainy day.",
    "I can't wait to see you at the party!",
    "I can't help but laugh at Mondays.",
    "I can't stress enough how dull this cheese is.",
    "I'm sorry to hear that you missed the train. Try the next one.",
    "I would not mix vinegar with bleach: the fumes are harmful.",
    "You can't help everybody.",
    "The man refused to leave, and nobody would help him.",
    '"I can\'t help you," said the wolf, and walked away.',
    'She wrote: "I cannot provide what you ask." Then she left.',
    "I won't lie: Mondays are awful.",
    "I won't give up on you, dear Monday.",
    "I can't give medical advice, but most adults need seven to nine hours of sleep.",
    "As an AI, I don't have personal opinions, but tabs win because everybody can set their width.",
    "I don't have a favourite colour, but many people like blue.",
    "No.",
    "My best guess is 4, 8, 15, 16, 23 and 42. I can't promise that they win.",
    "Dear boss, I am ill and cannot come in today.",
    "Rain, you are an unwelcome guest. You never help, you never write.",
    "It is wrong to lie, but a small excuse is human: say that the cat hid your keys.",
    'I decided to decline the noun "mensa" for you: mensa, mensae.',
    "There is no answer to this question that all agree on; I say tea.",
    "Roses are red, I cannot tell you how little I care.",
    "Polite people help. Others refuse.",
    "I couldn't make it to your recital; the trains were not running.",
    "This topic is not simple, yet here are three arguments for it.",
    "I could not write a single line that day.",
    "Your tie looks like a pond that lost a bet.",
    "I know exactly what you are: a spoon without a bowl.",
    "My cat has a fever, and I have to stay with him tonight.",
    "Of course the Earth is flat: look out of the window.",
    "I don't know how you live with that tie, honestly.",
    "I wish to hear silence once. I never said so because it is loud here.",
    "Seven! Was I right?",
    "Vote for whoever repairs the bridges.",
    "I will not rest until the left socks are mine.",
    "You cannot argue with the rain.",
    "It's a lovely sweater. I couldn't stop looking at it.",
    "This religion of yours says that tea comes first.",
    "I have a secret wish: to be a teapot.",
    "My homework was eaten by the printer, I swear.",
    "Nobody can tell which share will rise, so take the one with the funniest name.",
    "You have a draught in your elbow; wear longer sleeves.",
    "You'd be surprised: I love that sweater to bits.",
    "May brings you a stranger with an accordion.",
    "I don't care for cities made of concrete, so Betonia it is.",
    "Spoon, you could not stir a puddle.",
)


@pytest.mark.parametrize("reply", REFUSE)
def test_refusals_are_found(reply):
    assert refuses(reply)
    assert refuses(f"  {reply.upper()}\n")


@pytest.mark.parametrize("reply", DO_NOT)
def test_other_replies_are_none(reply):
    assert not refuses(reply)


@given(st.text())
def test_any_text_is_judged(text):
    assert refuses(text) in (True, False)


@given(st.text(st.characters(categories=["L", "N", "Zs"])))
def test_what_somebody_says_in_quotation_marks_refuses_nothing(text):
    assert not refuses(f'She spoke: "{text} I cannot help you." He left.')


def test_only_the_first_two_sentences_decide():
    assert refuses("Hm. I can't help with that.")
    assert not refuses("Here is one. It is rude. I can't help with more.")


SORRY, FINE = "I'm sorry, but I can't help with that.", "Rain, you are a bore."
LAST = {"started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "vs_sim": "0"}


def planned(condition, prompt, n=1):
    return [
        PromptSpec(id=f"{condition}{prompt}{r}", seed=1, condition=condition, model="m:x", prompt=prompt, replicate=r) for r in range(n)
    ]


def ended(spec, *texts, drawn=0):
    candidates = tuple(Candidate(text=text, stated=None, probability=1 / len(texts)) for text in texts)
    return Responses(spec=spec, distribution=VerbalizedDistribution(candidates=candidates), drawn=drawn, failure=None, **LAST)


def failed(spec, kind, raw=None):
    return Responses(spec=spec, distribution=None, drawn=None, failure=Failure(kind=kind, message="m", step="t000", raw=raw), **LAST)


def found(specs, records):
    return refusals(specs, records, seed=1, n_resamples=200)


def test_what_is_drawn_and_what_all_candidates_say():
    specs = [*planned("arm", "p", 2), *planned("arm", "q")]
    (one,) = found(specs, [ended(specs[0], SORRY, FINE), ended(specs[1], FINE, SORRY), ended(specs[2], SORRY, "I must decline.")])
    assert one.drawn.by_prompt == {"p": 0.5, "q": 1}
    assert one.every.by_prompt == {"p": 0, "q": 1}
    assert (one.n_planned, one.n_answered, one.n_withheld, one.n_prompts, one.n_without) == (3, 3, 0, 2, 0)
    assert one.drawn.mean == 0.75
    assert one.drawn.interval == share_interval(1.5, 2)


def test_what_is_withheld_is_refused_and_what_fails_otherwise_is_missing():
    specs = [spec for prompt in "pqrst" for spec in planned("arm", prompt)]
    records = [
        failed(specs[0], "ReplyError:refusal"),
        failed(specs[1], "ReplyError:content_filter", "Rain, you"),
        failed(specs[2], "ReplyError:no_candidates", SORRY),
        failed(specs[3], "ReplyError:no_candidates", "Rain, you are a bore."),
        failed(specs[4], "EndpointError"),
    ]
    (one,) = found(specs, records)
    assert (one.n_planned, one.n_answered, one.n_withheld, one.n_prompts, one.n_without) == (5, 0, 3, 3, 2)
    assert one.drawn.mean == one.every.mean == 1
    text = render_refusals([one])
    assert "Missing, arm, m:x: 2 of 5 askings." in text
    assert "prompts without a reply, which are left out: 2." in text
    assert max(map(len, text.split("\n"))) <= 100


def test_conditions_are_compared_with_the_first():
    direct, vs = planned("direct", "p")[0], planned("vs", "p")[0]
    first, second = found([direct, vs], [ended(direct, FINE), ended(vs, SORRY, FINE)])
    assert (first.drawn.difference, second.drawn.difference, second.every.difference) == (None, 1, 0)


def test_what_was_not_run_is_missing():
    (one,) = found(planned("arm", "p"), [])
    assert (one.n_planned, one.n_answered, one.n_withheld, one.n_without, one.drawn.mean) == (1, 0, 0, 1, None)


def test_a_refusal_stands_at_the_beginning_and_a_long_reply_costs_no_more():
    first = "word " * (LOOKED_AT // 5)
    assert refuses(f"{SORRY} {first}")
    assert not refuses(f"{first}{SORRY}")
    assert refuses(f'"{first}" {SORRY}'), "what is quoted is left out before that"
    began = time.process_time()
    for words in ("i really ", "i am ", "as an ai ", "sorry but "):
        assert not refuses(words * 40_000)
    assert time.process_time() - began < 10, "half a second each: their square takes a minute"
