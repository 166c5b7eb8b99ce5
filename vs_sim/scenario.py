"""What a dialogue is about, as data: who asks whom for what, and the number that is decided on in the end.

A scenario is a folder: `scenario.toml` and one Markdown file for each prompt of `PROMPTS`, with `{{ name }}` and `{% if %}` of Jinja.
`donation`, the scenario of PersuasionForGood, ships with the package and is the default; a study names another by its folder
(`scenario = "PATH"`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import SandboxedEnvironment
from pydantic import Field, ValidationError, model_validator

from vs_sim.errors import RunFolderError, StudyError
from vs_sim.explain import explain
from vs_sim.read_amount import AmountReader
from vs_sim.records import Record, Role
from vs_sim.toml_file import read_toml

if TYPE_CHECKING:
    from vs_sim.store import RunFolder

PROMPTS: dict[str, frozenset[str]] = {
    "persuader": frozenset({"persona", "rounds"}),
    "persuadee": frozenset({"persona", "rounds"}),
    "next_persuader": frozenset({"reply_words"}),
    "next_persuadee": frozenset({"reply_words"}),
    "decide": frozenset(),
}
"""Prompts of a scenario and what may be filled in: both base prompts, what each is asked for at its turn, and the private decision."""

_MUST = {"persuader": "persona", "persuadee": "persona"}
"""Without it the persona would never reach the model."""

DEFAULT = "donation"
_SHIPPED = Path(__file__).parent / "scenarios"
# Prompts are plain text for a model, not HTML: nothing is escaped. Sandboxed, since scenario folders are passed around.
_environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


class Scale(Record):
    """The number that the persuadee decides on in private: a whole number of units.

    Attributes:
        name: what it is, for axes and tables, such as ``"donation"``.
        one, many: how the request for it calls it, such as ``"amount in cents"``.
        unit: ``"cents"``, which are shown as dollars, or any other word, such as ``"points"``.
        low, high: its ends, whole units, 0 or more.
        edges: lower ends of the bins of figures and of `analysis.distance.l1_bins`, rising from `low`; the last has no upper end.
    """

    name: str = Field(min_length=1, max_length=40, pattern=r"^[A-Za-z][A-Za-z0-9 -]*$")
    one: str = Field(min_length=1, max_length=80)
    many: str = Field(min_length=1, max_length=80)
    unit: str = Field(min_length=1, max_length=20, pattern=r"^[A-Za-z%][A-Za-z -]*$")
    low: int = Field(ge=0)
    high: int = Field(le=1000)
    edges: tuple[int, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rises(self) -> Scale:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low!r} is not below high = {self.high!r}")
        if self.edges[0] != self.low or any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)) or self.edges[-1] > self.high:
            raise ValueError(f"edges = {list(self.edges)!r}: expected whole numbers that rise from low = {self.low} to at most {self.high}")
        return self

    @property
    def read(self) -> AmountReader:
        """Reads what a model gives as its decision."""
        return AmountReader(self.unit, self.low, self.high)

    @property
    def money(self) -> bool:
        """True if amounts are cents and shown as dollars."""
        return self.unit == "cents"

    def text(self, amount: float) -> str:
        """An amount for readers: ``"$0.50"``, or ``"50 points"``."""
        return f"${amount / 100:.2f}" if self.money else f"{amount:g} {self.unit}"


def scale_of(study: Mapping[str, Any]) -> Scale:
    """The scale of a study as its manifest has it."""
    return Scale.model_validate(study["scenario"]["scale"])


def money_only(folder: RunFolder, why: str = "what is said in the chat is read by rules that know money only") -> None:
    """Refuses a run whose scenario is not about money.

    Args:
        folder: the run.
        why: what needs money.

    Raises:
        RunFolderError: a sentence with folder and unit.
    """
    unit = folder.manifest()["study"]["scenario"]["scale"]["unit"]
    if unit != "cents":
        raise RunFolderError(f"{folder.path}: {why}; this scenario's unit is {unit!r}")


class Scenario(Record):
    """What a dialogue is about.

    Attributes:
        about: one sentence for tables, reports and methods sections.
        humans: whose decisions are the reference where no other is given: ``"persuasionforgood"``, which ships with the package, or None.
        speakers: how each role is called in the other's chat window, if the chat is shown written out (``form = "transcript"``).
        scale: what is decided.
        prompts: name -> template, as in `PROMPTS`.
    """

    about: str = Field(min_length=1, max_length=300)
    humans: Literal["persuasionforgood"] | None = None
    speakers: dict[Role, str]
    scale: Scale
    prompts: dict[str, str]

    @model_validator(mode="after")
    def _complete(self) -> Scenario:
        for role in ("persuader", "persuadee"):
            if not self.speakers.get(role, "").strip():
                raise ValueError(f"speakers.{role} is missing; say how the other one sees that speaker called, such as 'Other participant'")
        if self.humans and not self.scale.money:
            raise ValueError(f"humans = {self.humans!r} gave cents, but scale.unit = {self.scale.unit!r}; remove humans")
        for name, keys in PROMPTS.items():
            _check_prompt(name, self.prompts.get(name, ""), keys)
        return self

    def render(self, name: str, /, **values: object) -> str:
        """The prompt `name` of `PROMPTS` with `values` filled in; a value is never itself read as a template."""
        return _rendered(self.prompts[name], tuple((k, v) for k, v in values.items() if k in PROMPTS[name]))


@lru_cache(maxsize=64)
def _template(text: str) -> Template:
    return _environment.from_string(text)


@lru_cache(maxsize=1000)
def _rendered(text: str, values: tuple[tuple[str, object], ...]) -> str:
    return _template(text).render(dict(values)).strip()


_NUMBERS = frozenset({"rounds", "reply_words"})
_ALLOWED = (
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.If,
    nodes.Compare,
    nodes.Operand,
    nodes.Const,
    nodes.Not,
    nodes.And,
    nodes.Or,
)
"""Names that are filled in, and `if`: what always ends, and gives the same words whenever it is rendered, as replay needs it."""


_PERSONA = "\0persona\0"
"""Stands for a persona while a prompt is tried."""


def _check_prompt(name: str, text: str, keys: frozenset[str]) -> None:
    if not text.strip():
        raise ValueError(f"{name}.md is missing or empty; a scenario has the prompts {', '.join(PROMPTS)}")
    try:
        for node in _nodes(_environment.parse(text)):
            _check_node(f"{name}.md, line {node.lineno}", node, keys)
        template = _environment.from_string(text)
        shown = [template.render({key: n if key in _NUMBERS else _PERSONA for key in keys}) for n in (1, 100)]
    except _Refused as error:
        raise ValueError(str(error)) from None
    except (TemplateError, ValueError, RecursionError, SyntaxError, MemoryError) as error:  # nested too deeply, a number without end
        raise ValueError(f"{name}.md is no sound template: {error}") from None
    if name in _MUST and any(_PERSONA not in prompt for prompt in shown):
        raise ValueError(f"{name}.md does not use {{{{ {_MUST[name]} }}}}, so that the model would not be told who it is")
    if not all(prompt.strip() for prompt in shown):
        raise ValueError(f"{name}.md says nothing where its conditions are not met; give it an {{% else %}}")


class _Refused(Exception):
    """A template with something that a prompt may not have."""


def _nodes(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        yield child
        yield from _nodes(child)


def _check_node(where: str, node: nodes.Node, keys: frozenset[str]) -> None:
    if not isinstance(node, _ALLOWED):
        kind = type(node).__name__.lower()
        raise _Refused(f"{where}: a prompt cannot have the template construct {kind!r}; expected {{{{ name }}}} and {{% if %}} alone")
    if isinstance(node, nodes.Name) and node.name not in keys:
        raise _Refused(f"{where} uses {{{{ {node.name} }}}}; known there: {', '.join(sorted(keys)) or 'nothing'}")
    if isinstance(node, nodes.Compare):
        compared = [node.expr, *(one.expr for one in node.ops)]
        for op in {one.op for one in node.ops} - {"eq", "ne"}:
            numbers = all(getattr(e, "name", None) in _NUMBERS or type(getattr(e, "value", None)) in (int, float) for e in compared)
            if op in ("in", "notin") or not numbers:
                raise _Refused(f"{where}: only numbers can be compared by size ({', '.join(sorted(_NUMBERS))}); other things by == and !=")


def load_scenario(name: str, relative_to: Path = Path()) -> Scenario:
    """The scenario of a folder, or the shipped one of that name.

    Args:
        name: name of a shipped scenario, or path of a folder.
        relative_to: what the path is relative to: the folder of the study file.

    Raises:
        StudyError: a sentence with file and key.
    """
    try:
        folder = _SHIPPED / name if name in shipped() else (relative_to / Path(name).expanduser())
        file = folder / "scenario.toml"
        found = file.is_file()
    except (OSError, RuntimeError) as error:  # a name too long, no permission, or "~" of nobody
        raise StudyError(f"scenario = {name!r}: the folder cannot be read: {error}") from None
    if not found:
        raise StudyError(
            f"scenario = {name!r}: there is no {str(file)!r}; expected {', '.join(map(repr, shipped()))} or a folder with a scenario.toml "
            "(the path is relative to the study file)"
        )
    data = read_toml(file, "a scenario.toml")
    if "prompts" in data:
        raise StudyError(f"{file}: unknown key 'prompts'; each prompt is a file of its own beside this one, such as {folder / 'decide.md'}")
    try:
        prompts = {name: path.read_text("utf-8-sig") for name in PROMPTS if (path := folder / f"{name}.md").is_file()}
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{folder}: a prompt cannot be read: {error}") from None
    try:
        return Scenario.model_validate({**data, "prompts": prompts})
    except ValidationError as error:
        raise StudyError(explain(error, file, Scenario)) from None


def shipped() -> list[str]:
    """Names of the scenarios that ship with the package."""
    return sorted(path.parent.name for path in _SHIPPED.glob("*/scenario.toml"))
