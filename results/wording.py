"""How numbers with their intervals are written, and how many things there are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import pandas as pd
import tabulate


def aggregate(mean: float, low: float, high: float, unit: str) -> str:
    """Mean and interval in one line: 0.912 [0.905, 0.919].

    Args:
        mean: as in `mean_and_interval`.
        low: as there.
        high: as there.
        unit: as there.

    Returns:
        The mean alone where it has no interval, and "unknown" where there is none.
    """
    return " ".join(word for word in mean_and_interval(mean, low, high, unit) if word)


def mean_and_interval(mean: float, low: float, high: float, unit: str) -> tuple[str, str]:
    """Mean and interval, to the digits that the interval supports: 0.912 and [0.905, 0.919].

    Args:
        mean: NaN where it is unknown.
        low: the interval's lower end, NaN where there is none.
        high: its upper end.
        unit: shares have three places, whatever the interval.

    Returns:
        (the mean, the interval), in words; "" where there is no interval.
    """
    if math.isnan(mean):
        return "unknown", ""
    half = (high - low) / 2
    if is_share(unit):
        return f"{mean:z.3f}", "" if math.isnan(half) else f"[{low:z.3f}, {high:z.3f}]"
    needed = math.ceil(math.log10(abs(mean) / half)) + 1 if 0 < half < math.inf and mean else 3
    digits = min(max(3, needed), 6)
    ends = "" if math.isnan(half) else f"[{_significant(low, digits)}, {_significant(high, digits)}]"
    return _significant(mean, digits), ends


def is_share(unit: str) -> bool:
    """Whether this is the unit of a share, as measures.measure gives it to what lies between 0 and 1."""
    return unit.startswith("share")


def p_value(p: float, unknown: str) -> str:
    """A p value to three places; what is below them is not told apart.

    Args:
        p: from 0 to 1, or NaN.
        unknown: what is written for NaN.

    Returns:
        The number, or "< 0.001".
    """
    if math.isnan(p):
        return unknown
    return f"{p:.3f}" if p >= 0.001 else "< 0.001"


def count(number: int, thing: str) -> str:
    """So many things: 1 run, 2 runs, 1,440 replicas.

    Args:
        number: of the things.
        thing: one of them; several have an s.

    Returns:
        Number and word.
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def how_many(counts: Iterable[int], thing: str) -> str:
    """How many of a thing each of several has: 1 seed, 16 seeds, 8 to 16 seeds.

    Args:
        counts: one a holder, at least one.
        thing: one of what they have; several have an s.

    Returns:
        Fewest to most, and the word.
    """
    ordered = sorted(counts)
    return f"{spanning(ordered[0], ordered[-1])} {thing}{'' if ordered[-1] == 1 else 's'}"


def units(seeds: Iterable[int], draws: Iterable[int], common: bool = False) -> str:
    """Over what means are taken: 16 seeds, or 4 draws of 4 seeds each.

    Args:
        seeds: how many each of several has, at least one.
        draws: how many draws of the problem these met.
        common: whether all have them: 16 common seeds, 4 common draws of 4 seeds each.

    Returns:
        Numbers and words; draws are named where they have several seeds.
    """
    seeds, draws, both = list(seeds), list(draws), "common " if common else ""
    if seeds == draws:
        return how_many(seeds, f"{both}seed")
    per = sorted(math.ceil(of / by) for of, by in zip(seeds, draws, strict=True))
    return f"{how_many(draws, f'{both}draw')} of {spanning(per[0], per[-1])} seeds each"


def spanning(fewest: int, most: int) -> str:
    """From the fewest to the most: 16, or 8 to 16.

    Args:
        fewest: the smaller number.
        most: the larger number.

    Returns:
        One number where they are the same.
    """
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def missing(replicas: Mapping[str, int]) -> str:
    """How many of the planned replicas are missing, given by run."""
    total = sum(replicas.values())
    verb = "is" if total == 1 else "are"
    return f"{count(total, 'planned replica')} of {count(len(replicas), 'run')} {verb} missing."


def percent(share: float) -> str:
    """A share in per cent: 31 %, <1 %."""
    if math.isnan(share):
        return "–"
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _significant(number: float, digits: int) -> str:
    """A number to so many significant digits, without a bare point at its end."""
    if not math.isfinite(number):
        return "unknown" if math.isnan(number) else "∞" if number > 0 else "−∞"
    return f"{number:#.{digits}g}".removesuffix(".") if number else "0"


def markdown_table(table: pd.DataFrame) -> str:
    """A table as Markdown, every letter one wide.

    Where the package wcwidth is installed, as IPython brings it, tabulate would pad some signs otherwise, and what is
    written would depend on that.

    Args:
        table: cells that are text.

    Returns:
        Its lines, without a line break at the end.
    """
    kept, tabulate.WIDE_CHARS_MODE = tabulate.WIDE_CHARS_MODE, False
    try:
        return table.to_markdown(index=False, disable_numparse=True)
    finally:
        tabulate.WIDE_CHARS_MODE = kept
