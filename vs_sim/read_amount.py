"""A raw reply value as an amount on a scale: the one reader of what a model decides."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MOST_CHARACTERS = 40
"""No honest number is longer; a hostile one could otherwise keep a regular expression busy for minutes."""
_MONEY = re.compile(r"\A\s*(?:(?P<dollars>(?:\$|USD)\s*\d+(?:\.\d{1,2})?)|(?P<whole>\d{1,6})\s*(?:¢|cents?|c)?)\s*\Z", re.IGNORECASE)


@dataclass(frozen=True)
class AmountReader:
    """Reads a decision.

    Attributes:
        unit: of the scale; ``"cents"`` may be given as dollars in words ("$1.50").
        low, high: ends of the scale, whole units.
    """

    unit: str
    low: int
    high: int

    def __call__(self, value: Any) -> tuple[str, tuple[str, ...]]:
        """The amount in whole units as decimal text, and the repairs.

        Raises:
            ValueError: with a short reason, if the value is no amount, is fractional, or lies off the scale; it is never clipped.
        """
        repairs: tuple[str, ...] = ()
        if isinstance(value, str):
            value = self._written(value)
            repairs = ("amount_as_text",)
        if isinstance(value, bool) or not isinstance(value, int | float) or (isinstance(value, float) and self._doubtful(value)):
            raise ValueError("not_an_amount")
        if not self.low <= value <= self.high:
            raise ValueError("amount_out_of_range")
        return str(int(value)), repairs

    def _written(self, text: str) -> int:
        if len(text) > _MOST_CHARACTERS:
            raise ValueError("not_an_amount")
        if self.unit == "cents":
            found = _MONEY.match(text)
            if found and found["dollars"]:
                return round(float(found["dollars"].lstrip("$USDusd ")) * 100)
        else:
            unit = re.escape(self.unit.casefold().removesuffix("s"))
            found = re.match(rf"\A\s*(?P<whole>\d{{1,6}})\s*(?:%|{unit}s?)?\s*\Z", text.casefold())
        if not found:
            raise ValueError("not_an_amount")
        return int(found["whole"])

    def _doubtful(self, amount: float) -> bool:
        """True for 0.5; in cents for 1.0, too: a dollar as likely as a cent, while 50.0 is more than there is to give in dollars."""
        return not amount.is_integer() or (self.unit == "cents" and 0 < amount <= self.high / 100)

    def mixes_units(self, values: Sequence[Any]) -> bool:
        """True if one amount shows that dollars are meant and another does not say: then the other's unit is anybody's guess."""
        if self.unit != "cents":
            return False
        dollars = [
            v
            for v in values
            if (isinstance(v, float) and self._doubtful(v)) or (isinstance(v, str) and ("$" in v or "usd" in v.lower() or "." in v))
        ]
        # What could be whole dollars: any more without a unit can only be cents.
        bare = [v for v in values if (text := str(v).strip()).isdecimal() and len(text) < 6 and 1 <= int(text) <= self.high // 100]
        return bool(dollars) and bool(bare)
