"""Transcripts as text for a person: whole dialogues with their candidates, lists of conversations."""

from __future__ import annotations

from collections.abc import Sequence

from vs_sim.prompt_records import AnySpec, Responses
from vs_sim.records import ConversationSpec, Decision, Transcript, Turn, VerbalizedDistribution, is_person, printable
from vs_sim.scenario import Scale
from vs_sim.terminal import WIDTH, Line, columns, filled, shortened


def arm_name(spec: AnySpec) -> str:
    """Condition and the model whose replies are under study."""
    return " / ".join(spec.arm)


def _human(spec: ConversationSpec) -> bool:
    """Whether people alone spoke: nothing is known of how long they took, and no model was asked."""
    return is_person(spec.persuader_model) and is_person(spec.persuadee_model)


def _distribution_lines(turn: Turn | Decision, distribution: VerbalizedDistribution, scale: Scale) -> list[Line]:
    """The candidates, one line each, the drawn one marked."""
    lines = []
    for i, c in enumerate(distribution.candidates):
        notes = [*c.repairs, *(["above tau"] if c.above_tau else [])]
        text = scale.text(int(c.text)) if isinstance(turn, Decision) and c.text.isdecimal() else printable(c.text)
        said = f"{c.probability:6.3f}  {text}" + (f"  [{', '.join(notes)}]" if notes else "")
        lines.append(Line("    > " + said, "bold green") if i == turn.drawn else Line("      " + said, "dim"))
    if distribution.repairs:
        lines.append(Line(f"      repairs: {', '.join(distribution.repairs)}", "dim"))
    return lines


def turn_lines(turn: Turn | Decision, scale: Scale) -> list[Line]:
    """A turn or decision as lines; a single candidate is not listed, since it is what was said."""
    if isinstance(turn, Decision):
        lines = [Line(f"decision in private: {scale.text(turn.amount)}", "bold")]
    else:
        lines = [Line(f"{turn.role:>9}: {printable(turn.text)}", "cyan" if turn.role == "persuadee" else "")]
    if turn.distribution is not None and len(turn.distribution.candidates) > 1:
        lines += _distribution_lines(turn, turn.distribution, scale)
    return lines


def transcript_lines(transcript: Transcript, scale: Scale) -> list[Line]:
    """A whole conversation for reading.

    Args:
        transcript: the conversation.
        scale: of the study's decisions (`vs_sim.scenario.scale_of`).
    """
    from vs_sim.outcome import read_outcome

    spec = transcript.spec
    lines = [
        Line(
            f"conversation {spec.id}: {arm_name(spec)}, persuader {spec.persuader} ({spec.persuader_model}), persuadee {spec.persuadee}, "
            f"replicate {spec.replicate}",
            "bold",
        ),
        Line(f"{transcript.started}, " + ("between people" if _human(spec) else f"{transcript.seconds:.0f} s, vs_sim {transcript.vs_sim}")),
        Line(""),
    ]
    for turn in transcript.turns:
        if turn.role == "persuader":
            lines.append(Line(f"round {turn.round}", "dim"))
        lines += turn_lines(turn, scale)
    lines += [Line(""), Line(f"stop reason: {transcript.stop_reason}")]
    if transcript.decision is not None:
        lines += turn_lines(transcript.decision, scale)
    if scale.money:  # the rules that read what is said know money only
        stated = read_outcome(transcript).stated
        said = "" if stated.cents is None else f", {scale.text(stated.cents)}"
        if stated.turn is not None and stated.span is not None:
            said += f' from "{printable(transcript.turns[stated.turn].text[slice(*stated.span)])}"'
        lines.append(Line(f"stated in the chat: {stated.status}{said}", "yellow" if stated.status == "undetermined" else ""))
    if transcript.failure is not None:
        failure = transcript.failure
        lines.append(Line(f"FAILED at {failure.step}: {failure.kind}: {printable(failure.message)}", "bold red"))
    return lines


def responses_lines(record: Responses) -> list[Line]:
    """An asking with all its candidates, the drawn one marked."""
    lines = [response_line(record)]
    if record.distribution is not None:
        for i, c in enumerate(record.distribution.candidates):
            notes = [*([f"given {c.n_given} times"] if c.n_given > 1 else []), *c.repairs]
            text = f"{c.probability:6.3f}  {printable(c.text)}" + (f"  [{', '.join(notes)}]" if notes else "")
            lines.append(Line("    > " + text, "bold green") if i == record.drawn else Line("      " + text, "dim"))
    return lines


def response_line(record: Responses) -> Line:
    """An asking in a line of at most 100 columns."""
    spec = record.spec
    text = f"{spec.id}  {spec.condition}  {spec.prompt}  r{spec.replicate}  "
    if record.failure is not None or record.distribution is None or record.drawn is None:
        return Line(text + f"FAILED {record.failure.kind if record.failure else ''}", "red")
    drawn = record.distribution.candidates[record.drawn]
    n = len(record.distribution.candidates)
    how = f"{n} candidates, drawn: " if n > 1 else f"1 candidate, given {drawn.n_given} times: " if drawn.n_given > 1 else ""
    return Line(shortened(text + how + printable(drawn.text), WIDTH))


def listing(transcripts: Sequence[Transcript], scale: Scale) -> list[Line]:
    """Conversations in a list of at most 100 columns, one line each; long names lose their middle."""
    several = len({t.spec.persuadee_model for t in transcripts}) > 1
    arms = [arm_name(t.spec) if several else t.spec.condition for t in transcripts]
    people = [t.spec.persuadee for t in transcripts]
    results = [_result(t, scale) for t in transcripts]
    n_most = max((len(t.turns) for t in transcripts), default=0)
    middles = [f"r{t.spec.replicate}  {len(t.turns):>{len(str(n_most))}} turns" for t in transcripts]
    room = WIDTH - 16 - 8 - max(map(len, middles), default=0) - min(24, max((len(r.text) for r in results), default=0))
    widest_arm, widest_person = (max(map(columns, names), default=0) for names in (arms, people))
    arm_width = min(widest_arm, max(room // 2, room - widest_person))
    person_width = min(widest_person, room - arm_width)
    lines = []
    for transcript, arm, person, middle, result in zip(transcripts, arms, people, middles, results, strict=True):
        names = filled(shortened(arm, arm_width), arm_width) + "  " + filled(shortened(person, person_width), person_width)
        text = f"{transcript.spec.id}  {names}  {filled(middle, max(map(len, middles)))}  "
        lines.append(Line(text + shortened(result.text, WIDTH - columns(text)), result.style))
    return lines


def _result(transcript: Transcript, scale: Scale) -> Line:
    if transcript.failure is not None:
        return Line(f"FAILED {transcript.failure.kind}", "red")
    return Line("no decision", "yellow") if transcript.decision is None else Line(scale.text(transcript.decision.amount))
