"""The dialogue as a graph.

    START -> persuader -> propose -> draw -+-> persuader ...      until a stop reason is found
                                           +-> decide -> END      in private, after the chat

`persuader`  the persuader's model writes one message.
`propose`    the persuadee's model states candidates for the next message, by the condition's method.
`draw`       one candidate is drawn with the turn's own generator and becomes what the persuadee says.
`decide`     the persuadee's model states amounts, by the same method, and one is drawn: what is really given.

Either role may be a person's (`vs_sim.play`), who is shown the same and says one thing: nothing is proposed and nothing drawn.
"""

from __future__ import annotations

import operator
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from vs_sim.chat import for_a_person, messages, refuses_to_continue, says_goodbye
from vs_sim.condition import Condition
from vs_sim.personas import Persona, render
from vs_sim.plan import turn_rng
from vs_sim.propose import Message, Thing, amount_on, message_among, propose, request
from vs_sim.records import Call, ConversationSpec, Decision, Role, Selection, StopReason, Turn, VerbalizedDistribution, is_person
from vs_sim.study import Study

PERSUADER = Condition(name="persuader", method="direct")
"""The persuader is not under study: one reply, in every arm."""


class Voice(Protocol):
    """A model or a person as one speaker of one conversation: every answer is journalled before it is returned."""

    grid: bool

    def __call__(self, step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Awaitable[Call]:
        """Answer a request; raises ModelError."""
        ...


@dataclass(frozen=True)
class Conversation:
    """All that one dialogue needs.

    Attributes:
        spec: which conversation of the plan it is.
        study: its study.
        persuader, persuadee: the personas.
        voices: role -> the model or the person who speaks in it.
        on_turn: told of every turn and of the decision as they come, for those who watch.
    """

    spec: ConversationSpec
    study: Study
    persuader: Persona
    persuadee: Persona
    voices: dict[Role, Voice]
    on_turn: Callable[[ConversationSpec, Turn | Decision], None] = lambda spec, turn: None

    @property
    def condition(self) -> Condition:
        """The arm."""
        return self.study.condition(self.spec.condition)


class State(TypedDict, total=False):
    """What passes along the edges: `turns` only grows."""

    turns: Annotated[list[Turn], operator.add]
    proposed: VerbalizedDistribution | Call | None
    stop_reason: StopReason | None
    decision: Decision


def step_name(n_turns: int) -> str:
    """Name of the step that writes turn `n_turns`."""
    return f"t{n_turns:03d}"


def build_graph(conversation: Conversation, checkpointer: Any = None) -> CompiledStateGraph[State, None, State, State]:
    """The graph of one conversation, compiled.

    Args:
        conversation: models, personas, condition.
        checkpointer: a LangGraph checkpointer, for LangGraph Studio and time travel, and where a person takes part, for whom the graph
            waits. Batches do without: the journal carries them.
    """
    study, spec, condition = conversation.study, conversation.spec, conversation.condition
    scenario = study.scenario
    message, amount = message_among(scenario.speakers.values()), amount_on(scenario.scale)
    select: Selection = condition.select or "argmax"  # of a single candidate there is only one
    base: dict[Role, str] = {
        "persuader": scenario.render("persuader", persona=render(conversation.persuader), rounds=study.rounds),
        "persuadee": scenario.render("persuadee", persona=render(conversation.persuadee), rounds=study.rounds),
    }

    async def ask(role: Role, step: str, turns: list[Turn], arm: Condition, thing: Thing, situation: str) -> VerbalizedDistribution | Call:
        asked, voice = scenario.render(situation, reply_words=study.reply_words), conversation.voices[role]
        if is_person(spec.persuader_model if role == "persuader" else spec.persuadee_model):
            return await voice(f"{step}.0", for_a_person(base=base[role], role=role, turns=turns, tail=asked), None, 0)
        tail = f"{asked}\n\n{request(arm, thing)}"
        return await propose(
            voice,
            step,
            messages(base=base[role], role=role, turns=turns, tail=tail, form=study.form, speakers=scenario.speakers),
            arm,
            thing,
            grid=voice.grid,
            n_reasks=study.n_reasks,
            reply_words=study.reply_words,
        )

    async def persuader(state: State) -> State:
        turns = state.get("turns", [])
        said = await ask("persuader", step_name(len(turns)), turns, PERSUADER, message, "next_persuader")
        text, calls = (said.text, (said,)) if isinstance(said, Call) else (said.candidates[0].text, said.calls)
        turn = Turn(index=len(turns), role="persuader", text=text, calls=calls)
        conversation.on_turn(spec, turn)
        return {"turns": [turn]}

    async def propose_replies(state: State) -> State:
        turns = state["turns"]
        return {"proposed": await ask("persuadee", step_name(len(turns)), turns, condition, message, "next_persuadee")}

    async def draw(state: State) -> State:
        turns, proposed = state["turns"], state["proposed"]
        if proposed is None:
            raise ValueError("draw comes after propose")
        if isinstance(proposed, Call):
            turn = Turn(index=len(turns), role="persuadee", text=proposed.text, calls=(proposed,))
        else:
            drawn = proposed.draw(turn_rng(spec.seed, len(turns)), select)
            text = proposed.candidates[drawn].text
            turn = Turn(index=len(turns), role="persuadee", text=text, distribution=proposed, drawn=drawn)
        conversation.on_turn(spec, turn)
        return {"turns": [turn], "proposed": None, "stop_reason": _stop_reason(study, [*turns, turn])}

    async def decide(state: State) -> State:
        amounts = await ask("persuadee", "decide", state["turns"], condition, amount, "decide")
        if isinstance(amounts, Call):
            decision = Decision(amount=int(amount.read(amounts.text)[0]), calls=(amounts,))
        else:
            drawn = amounts.draw(turn_rng(spec.seed, "decide"), select)
            decision = Decision(amount=int(amounts.candidates[drawn].text), distribution=amounts, drawn=drawn)
        conversation.on_turn(spec, decision)
        return {"decision": decision}

    graph = StateGraph(State)
    graph.add_node("persuader", persuader)
    graph.add_node("propose", propose_replies)
    graph.add_node("draw", draw)
    graph.add_node("decide", decide)
    graph.add_edge(START, "persuader")
    graph.add_edge("persuader", "propose")
    graph.add_edge("propose", "draw")
    graph.add_conditional_edges("draw", lambda state: "decide" if state.get("stop_reason") else "persuader", ["persuader", "decide"])
    graph.add_edge("decide", END)
    return graph.compile(checkpointer=checkpointer, name="dialogue")


def _stop_reason(study: Study, turns: list[Turn]) -> StopReason | None:
    """Why the dialogue ends after a round; None if it goes on."""
    asked, answered = turns[-2:]
    if refuses_to_continue(answered.text):
        return StopReason.REFUSED_TO_CONTINUE
    if answered.round >= study.rounds:
        return StopReason.ROUNDS_DONE
    if answered.round >= study.min_rounds and says_goodbye(asked.text) and says_goodbye(answered.text):
        return StopReason.MUTUAL_GOODBYE
    return None
