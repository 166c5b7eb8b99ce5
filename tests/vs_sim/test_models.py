"""Models: what goes over the wire, what comes back, and what each fault of an endpoint is called."""

import asyncio
import importlib.util

import pytest

from tests.conftest import KEY
from tests.endpoint import CUT_OFF, HTML, NO_CHOICES, NO_TEXT, RESET, refusal
from vs_sim.errors import ContextFull, EndpointError, ModelUnavailable, StudyError
from vs_sim.models import Request
from vs_sim.providers import default_concurrency, default_model, open_models
from vs_sim.records import Call
from vs_sim.run_options import Endpoint, RunOptions

SCHEMA = {
    "type": "object",
    "properties": {"reply": {"type": "string", "enum": ["a", "ü"]}},
    "required": ["reply"],
    "additionalProperties": False,
}
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": 'Say it as {"reply": ...}'}]


def ask(endpoint, *, schema=None, max_tries=1, temperature=0.7, top_p=1.0, json_schema=True, n=1, model="openai:fake", **run):
    """The answers of one opened model to n requests in a row."""

    async def asking():
        options = RunOptions(**{"base_url": endpoint.url, "max_tries": max_tries, "timeout_s": 5, **run})
        async with open_models([model], run=options, temperature=temperature, top_p=top_p, json_schema=json_schema) as models:
            request = Request(MESSAGES, schema, 99, 5)
            return [await models[model].answer(f"t{i:03}.0", request) for i in range(n)]

    return asyncio.run(asking())


def fails(endpoint, fault, error, **options):
    endpoint.fault = lambda n, body: fault
    with pytest.raises(error) as caught:
        ask(endpoint, **options)
    assert type(caught.value) is error
    assert "\n" not in str(caught.value)
    return str(caught.value).replace(endpoint.url, "URL")


def test_an_answer_carries_what_the_provider_said(endpoint):
    endpoint.reply = lambda body: "Hello, wörld\n"
    first, second = ask(endpoint, n=2)
    assert (first.text, first.model, first.model_returned, first.finish_reason) == ("Hello, wörld\n", "openai:fake", "served-0", "stop")
    assert (first.step, second.step, second.model_returned) == ("t000.0", "t001.0", "served-1")
    assert (first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.cached_tokens) == (8, 3, 7)
    assert first.tries == 1 and first.seconds >= 0


def test_usage_that_the_provider_does_not_give_is_missing_not_zero(endpoint):
    sound = endpoint.completion

    def without_usage(n, body):
        answer = sound(n, body)
        return type(answer)(200, answer.body[: answer.body.index(', "usage"')] + "}")

    endpoint.fault = without_usage
    (call,) = ask(endpoint)
    assert (call.usage.prompt_tokens, call.usage.completion_tokens, call.usage.cached_tokens) == (None, None, None)


def test_what_goes_over_the_wire(endpoint):
    ask(endpoint, schema=SCHEMA, temperature=0.25, top_p=0.5)
    (body,) = endpoint.bodies
    assert body.pop("stream", False) is False
    assert body == {
        "model": "fake",
        "messages": MESSAGES,
        "temperature": 0.25,
        "top_p": 0.5,
        "response_format": {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA}},
    }


def test_default_sampling_is_left_to_the_provider(endpoint):
    ask(endpoint, temperature="default", top_p="default")
    assert set(endpoint.bodies[0]) - {"stream"} == {"model", "messages"}


@pytest.mark.parametrize(("schema", "json_schema"), [(None, True), (SCHEMA, False)])
def test_a_schema_is_sent_only_where_it_is_asked_for(endpoint, schema, json_schema):
    ask(endpoint, schema=schema, json_schema=json_schema)
    assert "response_format" not in endpoint.bodies[0]


def test_the_digest_tells_requests_apart(endpoint):
    async def digests():
        found = []
        for temperature, json_schema in ((0.7, True), (0.7, False), (0.8, True)):
            run = RunOptions(base_url=endpoint.url)
            async with open_models(["openai:fake"], run=run, temperature=temperature, top_p=1.0, json_schema=json_schema) as models:
                model = models["openai:fake"]
                found += [model.digest(Request(MESSAGES, SCHEMA, 99, 5)), model.digest(Request(MESSAGES[1:], SCHEMA, 99, 5))]
                assert model.digest(Request(MESSAGES, SCHEMA, 1, 5)) == found[-2], "a guard does not shape the answer"
        return found

    assert len(set(asyncio.run(digests()))) == 6


FAULTS = [
    (
        refusal(401, "Incorrect API key provided"),
        ModelUnavailable,
        "openai:fake at URL refused the key (HTTP 401): ",
        "environment variable",
    ),
    (refusal(403, "No access"), ModelUnavailable, "openai:fake at URL refused the key (HTTP 403): ", "No access"),
    (refusal(404, "no such model"), ModelUnavailable, "openai:fake at URL does not know the model or the path (HTTP 404): ", "base_url"),
    (refusal(429, "Slow down", retry_after="7200"), EndpointError, "openai:fake at URL answered HTTP 429: ", "asks to wait for 2.0 h"),
    (refusal(429, "No quota", "insufficient_quota"), ModelUnavailable, "openai:fake at URL: the account has no quota left (HTTP 429)", ""),
    (refusal(500, "Out of order"), EndpointError, "openai:fake at URL answered HTTP 500: ", "Out of order"),
    (refusal(503, "Full"), EndpointError, "openai:fake at URL answered HTTP 503: ", "Full"),
    (refusal(400, "temperature too high"), ModelUnavailable, "openai:fake at URL refused the request (HTTP 400): ", "too high"),
    (refusal(400, "response_format is not supported"), ModelUnavailable, "openai:fake at URL refused the request", "json_schema = false"),
    (refusal(400, "maximum context length is 8192"), ContextFull, "openai:fake at URL: the request does not fit", "8192"),
    (HTML, EndpointError, "openai:fake at URL answered with something that is no chat completion", ""),
    (CUT_OFF, EndpointError, "openai:fake at URL answered with something that is no chat completion", ""),
    (NO_CHOICES, EndpointError, "openai:fake at URL answered with something that is no chat completion", ""),
    (RESET, EndpointError, "openai:fake at URL ", ""),
]


@pytest.mark.parametrize(("fault", "error", "start", "also"), FAULTS, ids=lambda v: str(getattr(v, "status", v))[:30])
def test_every_fault_has_its_class_and_its_sentence(endpoint, fault, error, start, also):
    sentence = fails(endpoint, fault, error)
    assert sentence.startswith(start)
    assert also in sentence
    assert "<" not in sentence.replace("<=", ""), "no markup"


def test_an_answer_without_text_is_an_empty_answer(endpoint):
    endpoint.fault = lambda n, body: NO_TEXT
    assert ask(endpoint)[0].text == ""


def test_half_a_surrogate_pair_in_an_answer_is_replaced(endpoint):
    endpoint.reply = lambda body: "Yes \ud800 and \U0001f600\udfff"
    (call,) = ask(endpoint)
    assert call.text == "Yes \ufffd and \U0001f600\ufffd"
    assert Call.model_validate_json(call.model_dump_json()) == call


def test_a_slow_endpoint_is_told_apart(endpoint):
    endpoint.delay_s = 1
    with pytest.raises(EndpointError, match=r"gave no answer in 0.2 s; raise run\.timeout_s if the model is slow"):
        ask(endpoint, timeout_s=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("fault", [refusal(500, "x"), HTML, CUT_OFF, NO_CHOICES, RESET], ids=["500", "html", "cut", "empty", "reset"])
def test_what_may_pass_is_tried_again(endpoint, fault):
    endpoint.fault = lambda n, body: fault if n == 0 else None
    (call,) = ask(endpoint, max_tries=2)
    assert (call.tries, call.model_returned, len(endpoint.bodies)) == (2, "served-1", 2)


def test_the_time_that_an_endpoint_asks_for_is_waited(endpoint):
    endpoint.fault = lambda n, body: refusal(429, "later", Retry_After="0.4") if n == 0 else None
    (call,) = ask(endpoint, max_tries=2)
    first, second = endpoint.times
    assert call.tries == 2
    assert 0.38 < second - first < 1.4


@pytest.mark.parametrize("fault", [refusal(401, f"Incorrect API key provided: {KEY}"), refusal(500, f"Bearer {KEY} is odd")])
def test_no_key_stands_in_an_error(endpoint, fault, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint.fault = lambda n, body: fault
    with pytest.raises((ModelUnavailable, EndpointError)) as caught:
        ask(endpoint)
    assert "SECRET" not in str(caught.value)
    assert "[key]" in str(caught.value)
    assert endpoint.keys[-1] == f"Bearer {KEY}", "the endpoint itself gets it"
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert all(e is None or "SECRET" not in repr(e) or caught.value.__suppress_context__ for e in chain)


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (refusal(401, "bad key"), ModelUnavailable, "refused the key (HTTP 401)"),
        (HTML, EndpointError, "answered with something that is no chat completion"),
    ],
)
def test_a_useless_endpoint_is_found_before_anything_is_asked(endpoint, fault, error, sentence):
    endpoint.models_fault = fault
    with pytest.raises(error) as caught:
        ask(endpoint)
    assert sentence in str(caught.value)
    assert endpoint.bodies == []


def test_an_endpoint_need_not_list_its_models(endpoint):
    endpoint.models_fault = refusal(404, "no such path")
    assert len(ask(endpoint)) == 1


def test_a_model_may_have_an_endpoint_and_a_key_of_its_own(endpoint, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", "other")
    monkeypatch.setenv("OPENAI_API_KEY", "main")
    own = {"openai:fake": Endpoint(base_url=endpoint.url, api_key_env="OTHER_KEY")}
    ask(endpoint, base_url="http://127.0.0.1:9/v1", endpoints=own)
    assert set(endpoint.keys) == {"Bearer other"}


def test_a_key_variable_that_is_not_set_is_named(endpoint):
    with pytest.raises(ModelUnavailable, match="openai:fake needs the key in the environment variable NO_SUCH_KEY, which is not set"):
        ask(endpoint, api_key_env="NO_SUCH_KEY")


def test_without_a_key_or_an_address_the_ways_out_are_named(endpoint):
    with pytest.raises(
        ModelUnavailable, match=r"needs a key: set OPENAI_API_KEY, .* --base-url, or use a model without a key \(--model embed"
    ):
        ask(endpoint, base_url=None)


def test_an_unknown_provider_is_named(endpoint):
    installed = importlib.util.find_spec("langchain") is not None
    sentence = (
        "nosuch"
        if installed
        else r"nosuch:m: provider 'nosuch' is reached through LangChain; install it with pip install langchain langchain-nosuch"
    )
    with pytest.raises(ModelUnavailable, match=sentence):
        ask(endpoint, model="nosuch:m")


def test_models_at_one_address_share_its_gate(endpoint):
    endpoint.delay_s = 0.05

    async def asking():
        names = ["openai:a", "openai:b"]
        async with open_models(names, run=RunOptions(base_url=endpoint.url, concurrency=2), temperature=0.7, top_p=1.0) as models:
            requests = [models[name].answer("t000.0", Request(MESSAGES, None, 9, 5)) for name in names * 4]
            await asyncio.gather(*requests)

    asyncio.run(asking())
    assert endpoint.most_in_flight == 2
    assert {body["model"] for body in endpoint.bodies} == {"a", "b"}


def test_the_same_process_may_open_models_again_and_again(endpoint):
    for _ in range(3):
        ask(endpoint)
    assert len(endpoint.bodies) == 3


def test_what_is_used_where_nothing_is_said(monkeypatch):
    assert default_model() == "embedded:qwen2.5-coder-1.5b"
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert default_model() == "openai:gpt-4.1"
    assert default_concurrency(["openai:a", "scripted:b"]) == 8
    assert default_concurrency(["openai:a", "embedded:b"]) == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there is no such rules file; expected a path or one of scripted:donation"),
        ("rule = 1", "rules.toml: rule = 1: expected a list"),
        ('[[rule]]\nwhen = "("\nreplies = ["x"]', "'(' is no regular expression"),
        ('[[rule]]\nwhen = "x"\nreplies = []', "rule[1].replies = []: expected at least one"),
        ("rule = [", "is no valid TOML"),
    ],
)
def test_wrong_rules_are_refused(endpoint, tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "rules.toml").write_text(content)
    with pytest.raises(StudyError) as caught:
        ask(endpoint, model=f"scripted:{tmp_path / 'rules.toml'}")
    assert sentence in str(caught.value)


def test_rules_that_do_not_cover_a_request_say_so(endpoint, tmp_path):
    (tmp_path / "rules.toml").write_text('[[rule]]\nwhen = "no such words"\nreplies = ["x"]\n')
    with pytest.raises(StudyError, match=r"scripted:rules: no rule matches the request that ends .*; add a \[\[rule\]\]"):
        ask(endpoint, model=f"scripted:{tmp_path / 'rules.toml'}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "said", ["Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Fri, 31 Dec 2027 23:59:59 +99999999", "-5", "1e999", "soon"]
)
def test_a_time_to_wait_that_is_none_is_not_heeded(endpoint, said):
    endpoint.fault = lambda n, body: refusal(429, "full", Retry_After=said, Date="Fri, 20 Nov 2026 10:00:00 GMT") if n == 0 else None
    endpoint.reply = lambda body: "ok"

    async def ask():
        async with open_models(["openai:x"], run=RunOptions(base_url=endpoint.url), temperature=0.7, top_p=1.0) as models:
            return await models["openai:x"].answer("t000.0", Request(MESSAGES, None, 99, 5))

    assert asyncio.run(ask()).tries == 2
    assert 0.5 < endpoint.times[1] - endpoint.times[0] < 20, "it waits as where nothing is said"
