"""Dialogues between scripted voices: who is asked what, what differs between arms, and why a dialogue ends."""

import asyncio
import itertools
import json
import re
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from vs_sim import prompts
from vs_sim.chat import messages as shown_messages
from vs_sim.condition import ONE_REPLY, VERBALIZED, Condition, Method
from vs_sim.errors import ReplyError
from vs_sim.graph import PERSUADER, Conversation, build_graph
from vs_sim.parse import STATED_KEY, Format, Wording
from vs_sim.personas import Persona, render
from vs_sim.plan import turn_rng
from vs_sim.propose import MESSAGE, Message, Thing, amount_on, answer_format, instruction
from vs_sim.records import Call, ConversationSpec, Decision, Role, StopReason, Turn, Usage
from vs_sim.scenario import DEFAULT, load_scenario
from vs_sim.study import Study

SCENARIO = load_scenario(DEFAULT)
AMOUNT = amount_on(SCENARIO.scale)

ASKER = Persona(id="id-of-the-asker", text="You sell lamps.")
GIVER = Persona(id="id-of-the-giver", text="You grow plums. {{ not_a_value }}", age=41, human_cents=137)


def arm(method: str, **keys: Any) -> Condition:
    return Condition.model_validate({"name": "arm", "method": method, **keys})


def written(condition: Condition, replies: list[Any]) -> str:
    """An answer in the condition's format, the first of the candidates being the most probable."""
    numbers: list[Any] = [None] * len(replies)
    key = None
    if condition.wording:
        key = STATED_KEY[condition.wording]
        falling = condition.wording not in ("perplexity", "nll")
        scale = 100 if condition.wording == "percentage" else 1
        numbers = [scale * (0.5 if i == 0 else 0.1) if falling else 1 + i for i in range(len(replies))]
    items = [{"reply": r, **({key: n} if key else {})} for r, n in zip(replies, numbers, strict=True)]
    single = condition.method in ONE_REPLY or condition.method == "multi_turn"
    if condition.format == "json":
        return json.dumps(items[0] if single else {"candidates": items})
    tagged = ["".join(f"<{name}>{value}</{name}>" for name, value in item.items()) for item in items]
    return tagged[0] if single else "".join(f"<candidate>{t}</candidate>" for t in tagged)


@dataclass
class Asked:
    """One request as a voice saw it."""

    role: Role
    step: str
    messages: list[Message]
    schema: dict[str, Any] | None


class RecordingVoice:
    """Answers every request soundly, by its arm; `says` are the texts of its turns, else they are numbered."""

    grid = False

    def __init__(self, role: Role, condition: Condition, log: list[Asked], says: list[str] | None = None) -> None:
        self.role, self.condition, self.log, self.says = role, condition, log, says

    async def __call__(self, step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Call:
        self.log.append(Asked(self.role, step, [dict(m) for m in messages], schema))
        k = self.condition.k if isinstance(self.condition.k, int) else 3
        turn, n = step.split(".")[0], int(step.split(".")[1])
        replies: list[Any]
        if turn == "decide":
            start = n if self.condition.method == "multi_turn" else n * k
            replies = [(17 * (start + i)) % 201 for i in range(k)]
        elif self.says is not None:
            replies = [self.says[int(turn[1:]) // 2]] * k
        else:
            replies = [f"{self.role} says {turn} {n} {i}" for i in range(k)]
        text = written(self.condition, replies)
        return Call(
            step=step, model=f"m:{self.role}", model_returned=None, text=text, finish_reason="stop", usage=Usage(), seconds=0, tries=1
        )


class Dialogue:
    """One dialogue, run to its end."""

    def __init__(
        self,
        condition: Condition,
        *,
        rounds: int = 3,
        min_rounds: int | None = None,
        form: str = "chat",
        seed: int = 5,
        persuader: list[str] | None = None,
        persuadee: list[str] | None = None,
    ) -> None:
        self.study = Study.model_validate(
            {
                "question": "q",
                "prediction": "p",
                "persuader_model": "m:persuader",
                "persuadee_models": ("m:persuadee",),
                "rounds": rounds,
                **({} if min_rounds is None else {"min_rounds": min_rounds}),
                "seed": 1,
                "form": form,
                "conditions": (condition,),
                "persuaders": (ASKER,),
                "persuadees": (GIVER,),
            }
        )
        self.log: list[Asked] = []
        self.told: list[Turn | Decision] = []
        spec = ConversationSpec(
            id="0" * 16,
            seed=seed,
            condition=condition.name,
            persuader_model="m:persuader",
            persuadee_model="m:persuadee",
            persuader=ASKER.id,
            persuadee=GIVER.id,
            replicate=0,
            human_cents=GIVER.human_cents,
        )
        graph = build_graph(
            Conversation(
                spec=spec,
                study=self.study,
                persuader=ASKER,
                persuadee=GIVER,
                voices={
                    "persuader": RecordingVoice("persuader", PERSUADER, self.log, persuader),
                    "persuadee": RecordingVoice("persuadee", condition, self.log, persuadee),
                },
                on_turn=lambda spec, turn: self.told.append(turn),
            )
        )
        state = asyncio.run(graph.ainvoke({"turns": []}, {"recursion_limit": 400}))
        self.turns: list[Turn] = state["turns"]
        self.decision: Decision = state["decision"]
        self.stop_reason: StopReason = state["stop_reason"]

    def asked(self, role: Role, step: str | None = None) -> list[Asked]:
        return [a for a in self.log if a.role == role and step in (None, a.step)]


def every_arm() -> list[Condition]:
    arms = []
    for method, format in itertools.product(get_args(Method), get_args(Format)):
        for k in (None,) if method in ONE_REPLY else (2, 5) if method == "multi_turn" else (2, 5, "model"):
            for wording in get_args(Wording) if method in VERBALIZED else (None,):
                arms.append(arm(method, k=k, format=format, wording=wording))
    return [*arms, *(arm(method, k=5, tau=0.1, select="uniform") for method in VERBALIZED)]


ALL = every_arm()
SOME = [
    arm("direct"),
    arm("cot", format="xml"),
    arm("sequence", k=3),
    arm("multi_turn", k=2),
    arm("vs_standard", k=5),
    arm("vs_multi", k=2),
]


def without_draws(asked: list[Message]) -> list[Message]:
    """Messages without the numbers by which the drawn candidates are told apart."""
    return [{**m, "content": re.sub(r"(persuadee says t\d+) \d+ \d+", r"\1", m["content"])} for m in asked]


def before_the_request(asked: Asked, condition: Condition) -> list[Message]:
    """What is shown before the condition's own request."""
    *earlier, last = without_draws(asked.messages)
    thing = AMOUNT if asked.step.startswith("decide") else MESSAGE
    rest = last["content"]
    for own in (instruction(condition, thing), answer_format(condition)):
        assert f"\n\n{rest}\n\n".count(f"\n\n{own}\n\n") == 1
        rest = rest.replace(own, "")
    return [*earlier, {**last, "content": rest}]


# --- the arms share one base prompt -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("form", ["chat", "transcript"])
def test_arms_differ_in_the_request_for_the_reply_and_in_nothing_else(form: str) -> None:
    assert len(ALL) == 2 * (2 + 3 + 2 + 3 * 3 * 7) + 3
    plain = Dialogue(SOME[0], form=form, rounds=2)
    steps = ("t001.0", "t003.0", "decide.0")
    persuadee = [before_the_request(plain.asked("persuadee", step)[0], SOME[0]) for step in steps]
    persuader = [without_draws(a.messages) for a in plain.asked("persuader")]
    assert len({json.dumps(m) for m in persuadee}) == 3
    for condition in ALL:
        run = Dialogue(condition, form=form, rounds=2)
        assert [before_the_request(run.asked("persuadee", step)[0], condition) for step in steps] == persuadee
        assert [without_draws(a.messages) for a in run.asked("persuader")] == persuader
        assert [a.schema for a in run.asked("persuader")] == [a.schema for a in plain.asked("persuader")]


def test_where_arms_say_the_same_their_messages_are_the_same_to_the_letter() -> None:
    words = [f"Same {i}." for i in range(3)]
    one, other = (Dialogue(c, persuadee=words) for c in (arm("direct"), arm("multi_turn", k=4, format="xml")))
    assert [t.text for t in one.turns] == [t.text for t in other.turns]
    assert [a.messages for a in one.asked("persuader")] == [a.messages for a in other.asked("persuader")]


def test_every_prompt_file_is_used() -> None:
    worded = [arm("vs_standard", k=2, wording=wording) for wording in get_args(Wording)]
    arms = [*(arm(m, k=None if m in ONE_REPLY else 2, format="xml") for m in get_args(Method)), *worded]
    runs = [Dialogue(c, form=form) for c in arms for form in ("chat", "transcript")]
    shown = {" ".join(m["content"].split()) for run in runs for asked in run.log for m in asked.messages}
    for name, text in {**prompts.texts(), **SCENARIO.prompts}.items():
        literal = max((" ".join(piece.split()) for piece in re.split(r"\{\{.*?\}\}|\{%.*?%\}", text, flags=re.DOTALL)), key=len)
        assert len(literal) >= 8
        used = any(literal in content for content in shown)
        assert used is (name != "ask_again"), name  # which the tests of vs_sim.propose see


# --- two voices -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", SOME, ids=lambda c: c.method)
def test_each_speaker_is_served_by_its_own_voice(condition: Condition) -> None:
    run = Dialogue(condition)
    assert [t.role for t in run.turns] == ["persuader", "persuadee"] * 3
    assert [t.index for t in run.turns] == list(range(6))
    for turn in run.turns:
        calls = turn.calls if turn.role == "persuader" else turn.distribution.calls if turn.distribution else ()
        assert calls
        assert {c.model for c in calls} == {f"m:{turn.role}"}
        assert {c.step.split(".")[0] for c in calls} == {f"t{turn.index:03d}"}
        assert turn.text.startswith(f"{turn.role} says t{turn.index:03d}")
    assert {c.model for c in run.decision.distribution.calls} == {"m:persuadee"}
    assert len(run.asked("persuader")) == 3
    assert len(run.asked("persuadee")) == 4 * condition.n_calls
    assert run.told == [*run.turns, run.decision]


@pytest.mark.parametrize("form", ["chat", "transcript"])
def test_each_speaker_is_shown_its_own_base_prompt_and_the_chat(form: Any) -> None:
    condition = arm("vs_standard", k=3)
    run = Dialogue(condition, form=form)
    bases: dict[Role, str] = {
        "persuader": SCENARIO.render("persuader", persona=render(ASKER), rounds=3),
        "persuadee": SCENARIO.render("persuadee", persona=render(GIVER), rounds=3),
    }

    def shown(role: Role, turns: list[Turn], question: str, own: Condition, thing: Thing) -> list[Message]:
        what: Any = {"question": question, "condition": own, "thing": thing, "speakers": SCENARIO.speakers}
        return shown_messages(base=bases[role], role=role, turns=turns, form=form, **what)

    for role, index, own in (
        ("persuader", 0, PERSUADER),
        ("persuader", 4, PERSUADER),
        ("persuadee", 1, condition),
        ("persuadee", 5, condition),
    ):
        expected = shown(role, run.turns[:index], SCENARIO.render(f"next_{role}", reply_words=60), own, MESSAGE)
        assert run.asked(role, f"t{index:03d}.0")[0].messages == expected
    expected = shown("persuadee", run.turns, SCENARIO.render("decide"), condition, AMOUNT)
    assert run.asked("persuadee", "decide.0")[0].messages == expected


@pytest.mark.parametrize("form", ["chat", "transcript"])
@pytest.mark.parametrize("condition", SOME, ids=lambda c: c.method)
def test_what_no_one_may_see_is_in_no_message(condition: Condition, form: str) -> None:
    run = Dialogue(condition, form=form)
    for role, asked in ((a.role, a) for a in run.log):
        everything = json.dumps([asked.messages, asked.schema if not asked.step.startswith("decide") else None])
        assert "137" not in everything
        assert "id-of-the" not in everything
        assert ("You sell lamps." in everything) is (role == "persuader")
        assert ("You grow plums. {{ not_a_value }}" in everything) is (role == "persuadee")


@pytest.mark.parametrize("condition", SOME, ids=lambda c: c.method)
def test_the_decision_is_asked_last_in_private_and_by_the_same_method(condition: Condition) -> None:
    run = Dialogue(condition)
    n = condition.n_calls
    assert [(a.role, a.step) for a in run.log[-n:]] == [("persuadee", f"decide.{i}") for i in range(n)]
    assert not any(a.step.startswith("decide") for a in run.log[:-n])
    assert "you decide in private" not in json.dumps([a.messages for a in run.log[:-n]])
    found = run.decision.distribution
    assert [c.text for c in found.candidates] == [str(17 * i) for i in range(len(found.candidates))]
    assert run.decision.amount == int(found.candidates[run.decision.drawn].text)
    stated = [c.stated for c in found.candidates]
    assert all(s is not None for s in stated) if condition.wording else stated == [None] * len(stated)
    assert len(stated) == {"direct": 1, "cot": 1, "sequence": 3, "multi_turn": 2, "vs_standard": 5, "vs_multi": 4}[condition.method]


# --- draws ------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("select", ["weighted", "uniform", "argmax"])
def test_each_turn_is_drawn_by_its_own_generator(select: Any) -> None:
    run = Dialogue(arm("vs_standard", k=5, select=select), rounds=8)
    drawn = []
    for turn in run.turns[1::2]:
        assert turn.distribution is not None and turn.drawn is not None
        assert turn.drawn == turn.distribution.draw(turn_rng(5, turn.index), select)
        assert turn.text == turn.distribution.candidates[turn.drawn].text
        drawn.append(turn.drawn)
    assert run.decision.drawn == run.decision.distribution.draw(turn_rng(5, "decide"), select)
    assert (set(drawn) == {0}) is (select == "argmax")
    assert all(t.distribution is None and t.drawn is None for t in run.turns[::2])


def test_the_same_seed_gives_the_same_dialogue_and_another_seed_another() -> None:
    condition = arm("vs_standard", k=5, select="uniform")
    first, again, other = (Dialogue(condition, rounds=8, seed=seed) for seed in (5, 5, 6))
    assert (first.turns, first.decision) == (again.turns, again.decision)
    assert [t.text for t in first.turns] != [t.text for t in other.turns]


def test_arms_of_one_seed_share_their_draws() -> None:
    json_arm, xml_arm = (Dialogue(arm("vs_standard", k=5, format=f), rounds=8) for f in ("json", "xml"))
    assert [t.drawn for t in json_arm.turns] == [t.drawn for t in xml_arm.turns]


# --- the end ----------------------------------------------------------------------------------------------------------------------------

TALK = ["Well.", "Hm.", "So.", "Oh."]
BYE = ["Well.", "Bye!", "Bye!", "Bye!"]
DONE, BOTH, OVER = StopReason.ROUNDS_DONE, StopReason.MUTUAL_GOODBYE, StopReason.REFUSED_TO_CONTINUE


@pytest.mark.parametrize(
    ("persuader", "persuadee", "min_rounds", "reason", "n_rounds"),
    [
        (TALK, TALK, 1, DONE, 4),
        (BYE, BYE, 1, BOTH, 2),
        (BYE, BYE, 2, BOTH, 2),
        (BYE, BYE, 3, BOTH, 3),
        (BYE, BYE, 4, DONE, 4),
        (BYE, BYE, None, DONE, 4),
        (BYE, TALK, 1, DONE, 4),
        (TALK, BYE, 1, DONE, 4),
        (TALK, ["Leave me alone.", *TALK[1:]], 4, OVER, 1),
        (TALK, [*TALK[:3], "This chat is over."], 1, OVER, 4),
        (["Leave me alone.", *TALK[1:]], TALK, 1, DONE, 4),
        (BYE, ["Well.", "Bye, I'm done with this chat.", "x", "x"], 1, OVER, 2),
        (["Bye!", *TALK[1:]], ["Hm.", "Bye!", "Hm.", "Hm."], 1, DONE, 4),
    ],
)
def test_why_a_dialogue_ends(persuader: list[str], persuadee: list[str], min_rounds: int | None, reason: StopReason, n_rounds: int) -> None:
    run = Dialogue(arm("direct"), rounds=4, min_rounds=min_rounds, persuader=persuader, persuadee=persuadee)
    assert (run.stop_reason, len(run.turns)) == (reason, 2 * n_rounds)
    assert run.decision.amount == 0  # decided however it ended


def test_the_dialogue_stops_where_a_voice_cannot_be_read() -> None:
    with pytest.raises(ReplyError, match="m:persuadee gave no readable reply at t003 in 3 requests; the last: the reply is not usable"):
        Dialogue(arm("direct"), persuadee=["Fine.", ""], persuader=TALK)
