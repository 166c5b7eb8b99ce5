"""Diagnostics, calibration and reselection as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from analysis.calibration import Bin, Calibration
from analysis.numbers import FEW, cell, number, p_value, share, zero
from analysis.probabilities import SUMS_TO_ONE, Diagnostics, Number, Part
from analysis.reselect import MIN_ESS, MIN_ESS_SHARE, Reselection
from vs_sim.records import printable
from vs_sim.terminal import WIDTH, filled, wrapped

LABEL = 28
CELL = 24
ARMS_A_BLOCK = (WIDTH - LABEL) // CELL

TITLES: dict[Part, str] = {"turns": "Candidates of the persuadee's turns", "decision": "Candidates of the private decision"}


def render_diagnostics(diagnostics: Sequence[Diagnostics], left_out: Sequence[str]) -> str:
    """The tables of the distributions, the turns first, at most 100 columns wide.

    Args:
        diagnostics: of one run.
        left_out: names of the conditions without distributions.
    """
    lines: list[str] = []
    for part, title in TITLES.items():
        of_part = [d for d in diagnostics if d.part == part]
        for i in range(0, len(of_part), ARMS_A_BLOCK):
            lines += [title + ("" if i == 0 else ", continued"), "", *_block(of_part[i : i + ARMS_A_BLOCK]), ""]
        for d in of_part:
            lines += _about(d)
        lines += [""] if of_part else []
    if not diagnostics:
        lines += ["No condition of this run has candidates: nothing to show.", ""]
    notes = []
    if left_out:
        notes.append(f"Left out, since they ask for a single reply and have no distribution: {', '.join(left_out)}.")
    if diagnostics:
        low, high = SUMS_TO_ONE
        notes += [
            "Means over the distributions of complete conversations, with 95 % intervals that resample whole personas; - is what cannot be "
            "computed (a wording without probabilities, or resamples that never differ).",
            "Rank 1 is the most probable candidate; equal ones share the mean rank. Expected: what the rule of drawing lets expect. "
            f"Near 1: {low:g} to {high:g}. Near-duplicates share 80 % of their words.",
            "Drawn as ruled: p of a chi-square test of the places in the list that were drawn, and z (p) of whether probable candidates "
            "were drawn too often (above 0) or too rarely. Conditions share their random numbers, so that chance shows in all alike.",
        ]
        few = sorted({d.arm for d in diagnostics if d.n_personas < FEW})
        if few:
            notes.append(f"WARNING: fewer than {FEW} personas in {', '.join(few)}: intervals mean little at such a size.")
    return _joined([*lines, *_wrapped(notes)])


def _block(diagnostics: Sequence[Diagnostics]) -> list[str]:
    rows: list[tuple[str, Callable[[Diagnostics], str]]] = [
        ("distributions", lambda d: str(d.n)),
        ("from conversations", lambda d: str(d.n_conversations)),
        ("drawn by", lambda d: d.select or "-"),
        ("asked for as", lambda d: d.wording or "no probability"),
        ("candidates", lambda d: _cell(d.number("candidates"))),
        ("entropy, bits", lambda d: _cell(d.number("entropy_bits"))),
        ("entropy / log2 n", lambda d: _cell(d.number("entropy_normalised"), "share")),
        ("effective k (2 ^ entropy)", lambda d: _cell(d.number("effective_k"))),
        ("inverse Simpson", lambda d: _cell(d.number("inverse_simpson"))),
        ("sum as stated", lambda d: _cell(d.number("stated_sum"))),
        ("  5, 50, 95 % quantile", lambda d: ", ".join(number("", one) for one in d.sum_quantiles) if d.sum_quantiles else "-"),
        ("  share near 1", lambda d: _cell(d.number("sums_to_one"), "share")),
        ("with one above tau", lambda d: _cell(d.number("above_tau"), "share")),
        ("with equal candidates", lambda d: _cell(d.number("merged_duplicates"), "share")),
        ("with near-duplicates", lambda d: _cell(d.number("near_duplicates"), "share")),
        ("with tied probabilities", lambda d: _cell(d.number("tied"), "share")),
        ("with all equal", lambda d: _cell(d.number("uniform"), "share")),
        ("drew the most probable", lambda d: _cell(d.number("drew_most_probable"), "share")),
        ("  expected", lambda d: share(d.number("drew_most_probable").expected)),
        ("rank of the drawn", lambda d: _cell(d.number("drawn_rank"))),
        ("  expected", lambda d: number("", d.number("drawn_rank").expected)),
        ("probability of the drawn", lambda d: _cell(d.number("drawn_probability"), "share")),
        ("  expected", lambda d: share(d.number("drawn_probability").expected)),
        ("drawn as ruled: places, p", lambda d: p_value(d.sampler.p)),
        ("  probable ones, z (p)", lambda d: "-" if d.sampler.z is None else f"{d.sampler.z:+.2f} ({p_value(d.sampler.z_p)})"),
        ("  against the rule", lambda d: str(d.sampler.n_impossible)),
        ("different values stated", lambda d: "-" if d.n_stated_values is None else str(d.n_stated_values)),
    ]
    headers = _level([wrapped(d.arm, CELL - 2) for d in diagnostics])
    lines = [_line("", cells) for cells in zip(*headers, strict=True)]
    return [*lines, *(_line(label, [show(d) for d in diagnostics]) for label, show in rows)]


def _level(headers: Sequence[Sequence[str]]) -> list[list[str]]:
    """Headers of the same number of lines, standing on the last."""
    deepest = max(map(len, headers))
    return [[""] * (deepest - len(h)) + list(h) for h in headers]


def _about(d: Diagnostics) -> list[str]:
    sentences = []
    if d.top_stated:
        stated = ", ".join(f"{printable(value)} ({share(part)})" for value, part in d.top_stated)
        sentences.append(f"stated most often: {stated}")
    places = ", ".join(share(p) for p in d.position_probability)
    sentences.append(f"mean probability by place in the list: {places}")
    repairs = ", ".join(f"{kind} {share(part)}" for kind, part in d.repairs.items())
    sentences.append(f"repairs, share of distributions: {repairs or 'none'}")
    return _wrapped([f"{d.arm}: {'; '.join(sentences)}."])


def render_calibration(calibrations: Sequence[Calibration]) -> str:
    """The reliability table of each condition, at most 100 columns wide."""
    lines = ["Stated probabilities of the private decision against the answers when it is asked for again", ""]
    for c in calibrations:
        unreadable = f", {c.n_unreadable} more could not be read" if c.n_unreadable else ""
        lines += _wrapped([f"{c.arm}: {c.n_decisions} decisions, {c.n_answers} answers{unreadable}"])
        lines.append(f"  {'stated':<14}{'candidates':>11}{'answers':>9}{'mean stated':>13}{'observed share of answers':>30}")
        lines += [_bin(b, last=b is c.bins[-1]) for b in c.bins if b.n_answers]
        lines += [
            _pair("calibration error", _cell(c.calibration_error, "share"), f"floor {_floor(c.calibration_error_floor)}"),
            _pair("total variation distance", _cell(c.total_variation, "share"), f"floor {_floor(c.total_variation_floor)}"),
            _pair("answers not among candidates", _cell(c.unlisted, "share"), ""),
            _pair("log score of the others, bits", _cell(c.log_score), f"equal probabilities {number('', c.log_score_uniform)}"),
        ]
        if c.tokens is None:
            lines.append("  the endpoint gives no log-probabilities")
        else:
            t = c.tokens
            lines += [
                _pair("rank correlation with tokens", _cell(t.spearman), f"{t.n_pairs} candidates known, {t.n_unknown} not"),
                _pair("  probability known", _cell(t.coverage, "share"), f"of {t.n_decisions} decisions"),
            ]
        lines.append("")
    notes = [
        "Stated probabilities are the normalised ones, as they were drawn from; answers come at the study's temperature with the request "
        "of the method direct. Observed: Wilson intervals, which take answers to be independent; others resample whole personas.",
        "Calibration error: share of the probability that is stated in the wrong row, 0 to 1 whatever the number of candidates; what is "
        "wrong within a row cancels, which it does not in the total variation. Answers that were no candidate count as stated at 0.",
        "Floor: as many answers drawn from the stated probabilities themselves, mean and 95 % quantile; an error within it has an interval "
        "that begins at .000. Replies in the chat are not asked again: texts hardly ever repeat word by word.",
    ]
    if any(c.tokens for c in calibrations):
        notes.append(
            "Tokens: probability of an amount as the endpoint reports it (mostly before temperature and schema), only where every token of "
            "it is revealed; the probability known is the sum over these amounts."
        )
    return _joined([*lines, *_wrapped(notes)])


def _bin(b: Bin, *, last: bool) -> str:
    name = f"{share(b.low)} to {'' if last else 'below '}{share(b.high)}"
    observed = f"{share(b.observed)} [{share(b.observed_low)}, {share(b.observed_high)}]"
    return f"  {name:<19}{b.n_candidates:>6}{b.n_answers:>9}{share(b.stated):>13}{observed:>30}"


def _pair(label: str, cell: str, beside: str) -> str:
    return f"  {label:<32}{cell:<24}{beside}"


def render_reselection(reselections: Sequence[Reselection], left_out: Sequence[str]) -> str:
    """Donations of each condition under the recorded and the other rule, at most 100 columns wide.

    Args:
        reselections: of one run, all for the same rule and against the same humans.
        left_out: names of the conditions without distributions.
    """
    lines: list[str] = []
    for r in reselections:
        lines += _wrapped([f"{r.arm}: drawn {r.recorded}, asked for {r.select}; n = {r.n}, {r.n_personas} personas"])
        scale = r.scale
        heads = (f"mean, {'$' if scale.money else scale.unit}", f"share of {zero(scale)}", "KS to humans")
        lines.append(f"  {'':<25}" + "".join(f"{head:>20}" for head in heads) + f"{'effective n':>13}")
        for e in r.estimates[:2] if r.recorded == r.select else r.estimates:  # of one and the same rule the rest says the same
            cells = [_cell(e.mean, scale.unit), _cell(e.share_zero, "share"), _cell(e.ks, "share")]
            name = e.basis.replace("other rule", r.select).replace("recorded rule", r.recorded)
            ess = "-" if e.ess is None else f"{e.ess:.1f}"
            if e.refused is None:
                lines.append(f"  {name:<25}" + "".join(f"{cell:>20}" for cell in cells) + f"{ess:>13}")
            else:
                lines += [f"  {name:<25}{'not at all':>20}"]
                lines += ["      " + line for line in wrapped(f"({e.refused})", WIDTH - 12)]
        if r.ks_floor is not None:
            lines.append(f"  {'floor':<25}{'':>40}{_floor(r.ks_floor):>20}")
        lines += ["  " + line for line in wrapped(_beside(r), WIDTH - 2)]
        lines.append("")
    if not reselections:
        lines += ["No condition of this run has candidates: nothing to draw again.", ""]
    notes = []
    if left_out:
        notes.append(f"Left out, since a single reply leaves nothing to draw: {', '.join(left_out)}.")
    if reselections:
        first = reselections[0]
        notes += [
            f"Humans: {first.human_source}, n = {first.n_human}." if first.n_human else "No human data.",
            "Intervals: 95 %, resampling whole personas (and the humans for KS). "
            "Floor: humans against humans, as many as personas, mean and 95 % quantile; of expected donations it is too high. KS may be "
            "chance where its interval begins at .000; it has none where resampling changes nothing, as when all give the same.",
            "recorded: the amounts as drawn. last draw: expected from the recorded decisions, the chats as they went; exact, and free of "
            "the noise of a draw. all draws: every turn by the other rule, from conversations weighted by how much more often it goes "
            f"their way; not at all below {MIN_ESS:g} effective conversations or {MIN_ESS_SHARE:.0%} of n.",
        ]
        few = [r.arm for r in reselections if r.n_personas < FEW]
        if few:
            notes.append(f"WARNING: fewer than {FEW} personas in {', '.join(few)}: intervals mean little at such a size.")
    return _joined([*lines, *_wrapped(notes)])


def _beside(r: Reselection) -> str:
    said = [
        f"the rules lie {_cell(r.rules_apart_first, 'share')} apart at the first turn (its expected length goes from "
        f"{number('', r.first_words_recorded.value)} to {number('', r.first_words_other.value)} words) and "
        f"{_cell(r.rules_apart_decision, 'share')} at the decision (total variation, 0 to 1)"
    ]
    if r.mean_weight is not None:
        said.append(f"mean weight of a conversation {_cell(r.mean_weight)}, expected 1")
    return "; ".join(said)


def _line(label: str, cells: Iterable[str]) -> str:
    return f"{label:<{LABEL}}" + "".join(filled(cell, CELL, right=True) for cell in cells)


def _wrapped(texts: Sequence[str]) -> list[str]:
    return [line for text in texts for line in wrapped(text, indent="  ")]


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _cell(of: Number, unit: str = "") -> str:
    return cell(unit, of.value, of.low, of.high)


def _floor(floor: tuple[float, float]) -> str:
    return f"{share(floor[0])}, {share(floor[1])}"
