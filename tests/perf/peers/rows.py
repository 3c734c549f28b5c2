"""The rows of the table, from what was measured: one for each peer, problem and number of replicas. Pure functions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from tests.perf.contest import interval
from tests.perf.peers import OURS, PEERS
from tests.perf.problems import PROBLEMS

TOGETHER, ONE_BY_ONE = "together", "one by one"


def table_rows(
    measured: Sequence[Mapping], checks: Mapping[str, Mapping[str, Mapping]], replicas: Mapping[str, Sequence[int]]
) -> list[dict]:
    """The rows, problem by problem.

    measured: race.heat's measurements, each with its `round` and `heat`. checks: {problem: {peer: check}}.
    replicas: {problem: numbers of replicas}.
    A ratio is ours over the peer's within one heat. Who trains replicas one after another has, at any number of them,
    the rate of one; who can do both is put down with the faster, by the medians, and the other is kept beside it.
    """
    found = {(m["problem"], m["peer"], m["replicas"], m["round"], m["heat"]): m for m in measured}
    rows = []
    for problem, counts in replicas.items():
        for count in counts:
            for peer in (p for p in PEERS if any(key[:2] == (problem, p) for key in found)):
                forms = {TOGETHER: _rounds(found, problem, peer, count, count)}
                if peer != OURS and count > 1:
                    forms[ONE_BY_ONE] = _rounds(found, problem, peer, 1, count)
                forms = {form: rounds for form, rounds in forms.items() if rounds}
                if forms:
                    rows.append(_row(problem, peer, count, forms) | {"check": checks.get(problem, {}).get(peer)})
    return rows


def _rounds(found, problem, peer, trained, count):
    """Each round's measurement of the peer at `trained` replicas, beside ours at `count` in the same heat."""
    rounds = []
    for (*key, round_, heat), m in sorted(found.items(), key=lambda item: item[0][3:]):
        ours = found.get((problem, OURS, count, round_, heat))
        if key == [problem, peer, trained] and ours:
            rounds.append({**m, "ours": ours["rate"], "ratio": ours["rate"] / m["rate"]})
    return rounds


def _row(problem, peer, count, forms):
    medians = {form: statistics.median(r["rate"] for r in rounds) for form, rounds in forms.items()}
    form = max(medians, key=medians.get)
    rounds = forms[form]
    rate, low, high = interval([r["rate"] for r in rounds])
    ratio, ratio_low, ratio_high = interval([r["ratio"] for r in rounds]) if peer != OURS else (None,) * 3
    kept = ("round", "heat", "rate", "ours", "ratio", "turns", "steps", "first_call_s", "compile_s")
    return {
        "peer": peer,
        "label": PEERS[peer].label,
        "problem": problem,
        "problem_label": PROBLEMS[problem].label,
        "replicas": count,
        "form": form,
        "rate": rate,
        "low": low,
        "high": None if math.isinf(high) else high,
        "ratio": ratio,
        "ratio_low": ratio_low,
        "ratio_high": None if ratio_high is None or math.isinf(ratio_high) else ratio_high,
        "rates": medians,
        **{name: statistics.median(r[name] for r in rounds) for name in ("first_call_s", "compile_s")},
        "peak_memory_bytes": max(r["peak_memory_bytes"] for r in rounds),
        "rounds": [{name: r[name] for name in kept} for r in rounds],
    }


# The table, as cells


COLUMNS = (
    "peer",
    "replicas",
    "replica-steps/s",
    "ours ÷ peer",
    "95 %",
    "first call s",
    "compile s",
    "peak MiB",
    "loss after 200 steps",
)


def cells(row: Mapping) -> list[str]:
    """One row's cells, in the order of COLUMNS."""
    ratio, ends = "", ""
    if row["ratio"] is not None:
        digits = ",.2f" if row["ratio"] < 100 else ",.0f"
        ratio = f"{row['ratio']:{digits}} ×"
        if row["ratio_high"] is not None:
            ends = f"[{row['ratio_low']:{digits}}, {row['ratio_high']:{digits}}]"
    rate = f"{row['rate']:,.0f}"
    if row["replicas"] > 1 and row["peer"] != OURS:
        others = [f"{form} {value:,.0f}" for form, value in row["rates"].items() if form != row["form"]]
        rate += f" ({', '.join([row['form'], *others])})"
    return [
        row["label"],
        f"{row['replicas']:,}",
        rate,
        ratio,
        ends,
        f"{row['first_call_s']:.1f}",
        f"{row['compile_s']:.1f}",
        f"{row['peak_memory_bytes'] / 2**20:,.0f}",
        check_words(row["check"]) if row["peer"] != OURS else "",
    ]


def check_words(check: Mapping | None) -> str:
    """What the check found, in a cell."""
    if check is None:
        return "not checked"
    if "failed" in check:
        return "failed"
    apart, form = check["difference"], check["form"]
    beside = "" if form == "float32" else f" in {form} (float32: {apart['float32']:.2g})"
    return f"{'same' if check['agrees'] else 'DIFFERS'} to {apart[form]:.1g}{beside}"


def missing_cells(entry: Mapping) -> list[str]:
    """The row of a peer that is not installed."""
    return [entry["label"], "", f"missing: {', '.join(entry['packages'])} not installed", *[""] * (len(COLUMNS) - 3)]


def failed_cells(entry: Mapping) -> list[str]:
    """The row of a peer that failed on a problem."""
    return [entry["label"], "", f"failed: {entry['error'][:60]}", *[""] * (len(COLUMNS) - 3)]


FLOOR_COLUMNS = ("problem", "replicas", "step ms", "products ms", "bytes ms", "floor ÷ step", "95 %")


def floor_cells(entry: Mapping) -> list[str]:
    """One row of the table of floors."""
    ends = f"[{entry['low']:.0%}, {entry['high']:.0%}]" if entry["high"] is not None else ""
    times = [f"{1e3 * entry[name]:.3g}" for name in ("step_s", "products_s", "bytes_s")]
    return [entry["label"], f"{entry['replicas']:,}", *times, f"{entry['share']:.1%}", ends]
