"""vs-sim human: the people whom simulations are compared with."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, group, seed, verb

if TYPE_CHECKING:
    from vs_sim.human.reference import HumanReference


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    actions = group(verbs, "human", "read, fetch and sample the human dialogues of PersuasionForGood")
    take = verb(actions, "import", _import, "make a reference from PersuasionForGood as you have it: original files or ConvoKit's folder")
    take.add_argument("path", type=Path, metavar="PATH", help="folder with full_info.csv and full_dialog.csv, or with utterances.jsonl")
    _out(take)
    get = verb(actions, "fetch", _fetch, "download PersuasionForGood from its public home and make a reference of it")
    get.add_argument("--from", dest="home", choices=("convokit", "official"), default="convokit", help="where from (default: convokit)")
    get.add_argument(
        "--url", metavar="URL", help="address in place of the public one: ConvoKit's zip file, or where the original files lie"
    )
    _out(get)
    sample = verb(actions, "sample", _sample, "draw a seeded sample of a reference's dialogues, as a reference of its own")
    sample.add_argument("reference", type=Path, metavar="REF", help="reference, as made by vs-sim human import")
    sample.add_argument("--out", type=Path, metavar="DIR", required=True, help="the sample to make")
    sample.add_argument("-n", type=int, metavar="N", help="number of dialogues (default: all that the filter keeps)")
    sample.add_argument("--seed", type=seed, default=0, metavar="S", help="seed of the draw (default: 0)")
    sample.add_argument("--filter", default="all", metavar="NAME", help="draw from these: all (default), paid_2, paper or paper_test")
    sample.add_argument("--rest", type=Path, metavar="DIR2", help="also make a reference of those that were not drawn")
    for one in (take, get, sample):
        one.add_argument("--json", action="store_true", help="print JSON")


def _out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("human"), help="the reference to make (default: human)")


def _import(arguments: argparse.Namespace) -> int:
    from vs_sim.human.importer import import_human

    _show([import_human(arguments.path, arguments.out)], arguments.json)
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from vs_sim.human.download import fetch_human

    _show([fetch_human(arguments.home, arguments.out, arguments.url)], arguments.json)
    return 0


def _sample(arguments: argparse.Namespace) -> int:
    from vs_sim.human.importer import sample_human
    from vs_sim.human.reference import load_human

    reference = load_human(arguments.reference)
    chosen = {"n": arguments.n, "seed": arguments.seed, "filter": arguments.filter, "rest": arguments.rest}
    _show(sample_human(reference, arguments.out, **chosen), arguments.json)
    return 0


def _show(references: list[HumanReference] | tuple[HumanReference, ...], as_json: bool) -> None:
    if as_json:
        facts = [{"path": str(r.path), **r.facts.model_dump(mode="json")} for r in references]
        print(json.dumps(facts[0] if len(facts) == 1 else facts, indent=2))
        return
    print("\n\n".join(reference_text(reference) for reference in references))


def reference_text(reference: HumanReference) -> str:
    """What a reference holds, with the counts of every filter and cleaning rule."""
    from analysis.samples import human_sample
    from vs_sim.personas import ATTRIBUTES

    facts = reference.facts
    lines = [f"{reference.path}: {facts.source}, {facts.n_dialogues:,} dialogues, version {facts.version[:12]}"]
    if facts.drawn is not None:
        d = facts.drawn
        lines.append(f"  {d.part} of version {d.version[:12]}: {d.n:,} of {d.n_filtered:,} dialogues (filter {d.filter}, seed {d.seed})")
    lines += [
        f"  persuadees: {facts.n_persuadees:,} people; dialogues whose persuadee had been one before: {facts.n_persuadees_again:,}",
        f"  annotated: {facts.n_annotated:,} dialogues, {facts.n_stated:,} with a stated donation"
        + (f" ({facts.n_stated_not_whole} more not in whole cents)" if facts.n_stated_not_whole else ""),
    ]
    for n, what in (
        (facts.n_annotated_unknown, "annotated dialogues are not in the full data and left out"),
        (facts.n_without_donation, "dialogues without a donation (missing, not $0)"),
        (facts.n_without_attributes, "people of whom nothing was measured; their personas say no more than that they took part"),
    ):
        if n:
            lines.append(f"  {n:,} {what}")
    known = {name for one in (*reference.persuaders, *reference.persuadees) for name in one.model_fields_set}
    if unknown := [name for name in ATTRIBUTES if name not in known]:
        lines += [f"  {line}" for line in _wrapped("measured of nobody", ", ".join(unknown))]
    lines += ["", f"  {'':<12}{'':>7}{'gave':>7}{'above':>7}   mean donation if amounts above $2 are", "  " + _heads()]
    for name, count in facts.filters.items():
        if count.n is None:
            lines.append(f"  {name:<12}{'-':>7}   cannot be told in these data")
            continue
        cents = [decision.amount for i in reference.kept(name) if (decision := reference.transcripts[i].decision) is not None]
        means = ""
        for rule in ("drop", "cap", "all"):
            left = human_sample(cents, rule, facts.source).cents
            means += f"{f'${left.mean() / 100:.3f}' if len(left) else '-':>9} ({len(left):,})".ljust(19)
        lines.append(f"  {name:<12}{count.n:>7,}{count.n_zero:>7,}{count.n_above_200:>7,}   {means}".rstrip())
    if facts.drawn is None:
        lines += ["", *(f"  {line}" for name, count in facts.filters.items() for line in _wrapped(name, count.rule))]
    lines.append(f"  licence: {facts.licence}; cite: Wang et al., ACL 2019 (in full in reference.json)")
    return "\n".join(lines)


def _heads() -> str:
    means = "".join(f"{rule:>9} (n)".ljust(19) for rule in ("dropped", "capped", "kept"))
    return f"{'filter':<12}{'n':>7}{'$0':>7}{'$2':>7}   {means}".rstrip()


def _wrapped(name: str, rule: str) -> list[str]:
    from vs_sim.terminal import WIDTH, wrapped

    return wrapped(f"{name}: {rule}", WIDTH - 4, indent="    ")
