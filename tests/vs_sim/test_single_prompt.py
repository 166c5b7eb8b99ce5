"""verbalize: the distribution over the responses to one prompt."""

import asyncio
import math

import pytest

from vs_sim.errors import InputError, ModelUnavailable, ReplyError
from vs_sim.single_prompt import verbalize

REPLY = (
    '{"candidates": [{"reply": "tea", "probability": 0.5}, {"reply": "mate", "probability": 0.1}, {"reply": "milk", "probability": 0.2}]}'
)


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "drinks.toml"
    path.write_text(
        f"[[rule]]\nwhen = 'drink'\nreplies = ['{REPLY}']\n\n[[rule]]\nwhen = 'riddle'\nreplies = ['{{\"candidates\": [{{\"rep']\n"
    )
    return f"scripted:{path}"


def test_candidates_come_with_stated_and_normalised_probabilities(rules):
    found = verbalize("Name a drink", k=3, model=rules)
    assert [c.text for c in found.candidates] == ["tea", "mate", "milk"]
    assert [c.stated for c in found.candidates] == [0.5, 0.1, 0.2]
    assert found.probabilities == pytest.approx((0.625, 0.125, 0.25))
    assert math.isclose(found.stated_sum, 0.8)
    assert found.argmax().text == "tea"
    assert [(c.model, c.text) for c in found.calls] == [(rules, REPLY)]


def test_the_same_seed_draws_the_same_candidate(rules):
    found = verbalize("Name a drink", k=3, model=rules)
    assert found.sample(seed=7) == found.sample(seed=7)
    assert {found.sample(seed=i).text for i in range(50)} == {"tea", "mate", "milk"}


def test_candidates_above_tau_are_marked_and_can_be_taken_out(rules):
    found = verbalize("Name a drink", k=3, tau=0.15, model=rules)
    assert [c.above_tau for c in found.candidates] == [True, False, True]
    assert [c.text for c in found.filter(lambda c: not c.above_tau).candidates] == ["mate"]


def test_prompt_number_and_tau_reach_the_model(endpoint):
    endpoint.reply = lambda body: REPLY
    verbalize("Name a drink {{ k }}", k=3, tau=0.15, model="openai:fake", base_url=endpoint.url)
    (body,) = endpoint.bodies
    (message,) = body["messages"]
    assert message["content"].startswith("Name a drink {{ k }}\n")
    assert "3" in message["content"] and "0.15" in message["content"]
    assert body["response_format"]["json_schema"]["schema"]["properties"]["candidates"]["maxItems"] == 3
    assert (body["temperature"], body["top_p"]) == (0.7, 1.0)


def test_vs_multi_pools_several_calls(endpoint):
    endpoint.reply = lambda body: REPLY
    found = verbalize("Name a drink", k=3, method="vs_multi", model="openai:fake", base_url=endpoint.url)
    assert len(endpoint.bodies) == len(found.calls) == 2
    assert math.isclose(sum(found.probabilities), 1)


def test_it_works_where_a_loop_already_runs_as_in_a_notebook(rules):
    async def cell():
        return verbalize("Name a drink", k=3, model=rules)

    inside, outside = asyncio.run(cell()), verbalize("Name a drink", k=3, model=rules)
    assert inside.model_copy(update={"calls": ()}) == outside.model_copy(update={"calls": ()}), "all but the seconds that calls took"


def test_an_unreadable_reply_is_asked_for_again_and_then_an_error(rules):
    with pytest.raises(ReplyError) as caught:
        verbalize("A riddle", k=3, model=rules, n_reasks=1)
    assert caught.value.raw == '{"candidates": [{"rep'
    assert "in 2 requests" in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"k": 1}, "verbalize: k = 1 is impossible; expected 2 to 20"),
        ({"tau": 1.5}, "verbalize: tau = 1.5: "),
        ({"tau": 0.1, "wording": "nll"}, "verbalize: tau = 0.1 bounds a probability"),
        ({"method": "direct"}, "verbalize: "),
        ({"base_url": "localhost"}, "verbalize: base_url = 'localhost': "),
        ({"model": "gpt-4.1"}, "'gpt-4.1'"),
    ],
)
def test_impossible_arguments_are_refused(rules, arguments, sentence):
    with pytest.raises((InputError, ModelUnavailable)) as caught:
        verbalize("Name a drink", **{"model": rules, **arguments})
    assert sentence in str(caught.value)


@pytest.mark.parametrize("prompt", ["", " \n"])
def test_a_prompt_that_says_nothing_asks_no_model(command, prompt):
    for arguments in ((), ("--model", "scripted:nosuch")):
        code, out, err = command("verbalize", prompt, *arguments)
        assert (code, out) == (2, "") and f"verbalize: the prompt {prompt!r} is empty; expected what to respond to" in err
        assert "asking" not in err
    with pytest.raises(InputError, match="is empty"):
        verbalize(prompt, model="scripted:nosuch")
