"""What a person at a terminal left behind in the folder "played"."""

from __future__ import annotations

from vs_sim.records import Role, Transcript
from vs_sim.store import RunFolder


def one() -> Transcript:
    """The only conversation there."""
    (transcript,) = RunFolder("played").transcripts()
    return transcript


def by_person(transcript: Transcript, role: Role) -> list[str]:
    """What the person said in that role."""
    return [turn.text for turn in transcript.turns if turn.role == role]
