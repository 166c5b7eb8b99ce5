"""Numbers as they are printed, the same on a terminal, in a report and in a paper; and how nothing and cleaning are called on a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.comparison import Comparison
    from analysis.metric import Equivalence
    from vs_sim.scenario import Scale

FEW_ON_ONE_SIDE = 10
"""Below so many people who give nothing, or who give, the share of $0 has the exact interval, since resampling varies it too little."""

FEW = 30
"""Below so many people a table warns that intervals and p mean little."""

NONE = "-"
"""In place of what cannot be computed."""


def share(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """A share, or another number that hardly exceeds 1, without a leading 0, as papers print it; two digits from 1 on.

    Args:
        value: the number, below 0 too; None if it cannot be computed.
        digits: after the point, 2 or more.
        signed: whether a sign stands before numbers above 0, too.
    """
    if value is None:
        return NONE
    sign = "+" if signed else ""
    text = f"{value:{sign}.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("+-").startswith("0.") else f"{value:{sign}.2f}"


def number(unit: str, value: float | None, metric: str = "", *, signed: bool = False) -> str:
    """A number of that unit: shares as `share` prints them, cents as dollars with two digits, any other with three digits in all.

    Args:
        unit: ``share``, ``cents``, ``dollars`` or any other.
        value: the number; None if it cannot be computed.
        metric: its name; ``l1_bins`` is a sum of shares, from 0 to 2, and is printed as no share.
        signed: whether a sign stands before numbers above 0, too.
    """
    if value is None:
        return NONE
    if unit == "share" and metric != "l1_bins":
        return share(value, signed=signed)
    shown = value / 100 if unit == "cents" else value
    digits = 2 if unit in ("cents", "dollars") or abs(shown) < 9.995 else 1 if abs(shown) < 99.95 else 0
    return f"{shown:{'+' if signed else ''}.{digits}f}"


def amount(unit: str, value: float | None, metric: str = "", *, signed: bool = False) -> str:
    """A number as `number` prints it, money with its sign: ``-$0.08``."""
    shown = number(unit, value, metric, signed=signed)
    if value is None or unit not in ("cents", "dollars"):
        return shown
    return f"{shown[0]}${shown[1:]}" if shown[0] in "+-" else f"${shown}"


def interval(unit: str, low: float | None, high: float | None, metric: str = "", *, signed: bool = False) -> str:
    """An interval in brackets, its ends as `number` prints them; empty if there is none."""
    if low is None or high is None:
        return ""
    return f"[{number(unit, low, metric, signed=signed)}, {number(unit, high, metric, signed=signed)}]"


def cell(unit: str, value: float | None, low: float | None, high: float | None, metric: str = "", *, signed: bool = False) -> str:
    """A number with its interval behind it, if it has one."""
    shown = number(unit, value, metric, signed=signed)
    return shown if value is None else f"{shown} {interval(unit, low, high, metric, signed=signed)}".rstrip()


def p_value(p: float | None) -> str:
    """A p as papers print it."""
    return "<.001" if p is not None and p < 0.001 else share(p)


def zero(scale: Scale) -> str:
    """The lowest amount on that scale, which is nothing on most: ``$0``, ``0``, ``10``."""
    if scale.money:
        return "$0" if scale.low == 0 else scale.text(scale.low)
    return str(scale.low)


def above_zero(scale: Scale) -> str:
    """How the mean of everything above the lowest amount is called."""
    return f"mean above {zero(scale)}" if scale.low else "mean of those > 0"


def most(scale: Scale) -> str:
    """The most, on that scale, as short as a sentence wants it."""
    return f"${scale.high / 100:g}" if scale.money else scale.text(scale.high)


def equivalence(c: Comparison, e: Equivalence) -> str:
    """What was shown of one margin of a comparison, as half a sentence."""
    distance = c.metric(e.metric).human is None
    if e.low is None or e.high is None:
        found = "cannot be told"
    elif distance:
        found = ("shown" if e.shown else "not shown") + f", upper 95 % bound {number(e.unit, e.high, e.metric)}"
    else:
        bounds = interval(e.unit, e.low, e.high, e.metric, signed=True)
        found = ("shown" if e.shown else "not shown") + f", 90 % interval of the difference {bounds}"
    within = "below" if distance else "within +-"
    margin = amount(e.unit, e.margin, e.metric)
    return f"{e.metric.replace('_', ' ')} {within} {margin} of the humans: {found}"


def exact_note(conditions: Sequence[str], scale: Scale) -> str:
    """Which shares of those who give nothing have the exact interval, as a sentence; empty for none."""
    if not conditions:
        return ""
    return (
        f"Fewer than {FEW_ON_ONE_SIDE} on one side: the share of {zero(scale)} has the exact interval (Clopper-Pearson) in "
        f"{', '.join(conditions)}."
    )


def cleaning_rule(c: Comparison) -> str:
    """The cleaning rule of a comparison, in words."""
    above = most(c.scale)
    return {
        "drop": f"amounts above {above} are left out",
        "cap": f"amounts above {above} are set to {above}",
        "all": "all amounts are kept",
    }[c.cleaning]
