"""Figures of speed, drawn from what tests/perf measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.drawing import layout, style

# By rank of the number of replicas: 1, more, most.
_LOOKS = (style.LineStyle(style.BLUE, "o"), style.LineStyle(style.ORANGE, "s"), style.LineStyle(style.GREEN, "D"))


def peers(found: Mapping) -> Figure:
    """Rates of this project and its peers: a panel a problem, a line a peer, a point a number of replicas.

    found: what `python -m tests.perf.peers --json` writes. Raises ValueError where it holds no rows.
    """
    rows = found["rows"]
    if not rows:
        raise ValueError("nothing was measured: there are no rows to draw.")
    problems = list(dict.fromkeys(row["problem"] for row in rows))
    absent = {entry["peer"]: entry for entry in found.get("missing", [])}
    labels = {row["peer"]: row["label"] for row in rows} | {name: entry["label"] for name, entry in absent.items()}
    notes = {(name, problem): "not installed" for name in absent for problem in problems}
    notes |= {(entry["peer"], entry["problem"]): "failed" for entry in found.get("failed", [])}
    labels |= {entry["peer"]: entry["label"] for entry in found.get("failed", [])}
    with style.context():
        figure = Figure(figsize=(2.1 + 2.1 * len(problems), 1.5 + 0.27 * len(labels)), layout="constrained")
        panels = figure.subplots(1, len(problems), sharey=True, squeeze=False)[0]
        for axes, problem in zip(panels, problems, strict=True):
            _panel(axes, [row for row in rows if row["problem"] == problem], list(labels), notes, problem)
        panels[0].set_yticks(range(len(labels)), labels.values())
        panels[0].set_ylim(len(labels) - 0.5, -0.5)
        for text in panels[0].get_yticklabels()[:1]:
            text.set_weight("bold")  # this project
        layout.caption(figure, _caption(found, rows))
    return figure


def roofline(found: Mapping) -> Figure:
    """Every problem on the machine's roofs: operations per second against operations per byte moved.

    found: what `python -m tests.perf.peers --json` writes. Raises ValueError where no limits were measured.
    """
    if not found.get("floors"):
        raise ValueError("the machine's limits were not measured: there are no roofs to draw.")
    with style.context():
        figure = Figure(figsize=(6.3, 4.2), layout="constrained")
        axes = figure.subplots()
        inner = [2.0**power for power in range(-3, 9)]
        for limit, dash in zip(found["limits"][::-1], ("-", "--"), strict=False):
            cores = f"{limit['cores']} core{'s' * (limit['cores'] > 1)}"
            peak = max(rates["float32"] for rates in limit["products"].values())
            band = max(limit["bandwidth"].values())
            roof = [min(peak, band * x) / 1e9 for x in inner]
            axes.plot(inner, roof, dash, color="#606060", linewidth=1, label=f"{cores}: float32, largest bandwidth")
            wide = max(rates["bfloat16"] for rates in limit["products"].values())
            axes.plot(inner, [wide / 1e9] * len(inner), dash, color="#b0b0b0", linewidth=1, label=f"{cores}: bfloat16")
        problems = list(dict.fromkeys(entry["problem"] for entry in found["floors"]))
        looks = dict(zip(problems, ("o", "s", "D", "^", "v"), strict=False))
        counts = sorted({entry["replicas"] for entry in found["floors"]})
        colours = dict(zip(counts, style.PALETTE, strict=False))
        for entry in found["floors"]:
            x, look = entry["flops"] / entry["bytes"], looks[entry["problem"]]
            done = entry["flops"] / entry["step_s"] / 1e9
            bound = entry["flops"] / max(entry["products_s"], entry["bytes_s"]) / 1e9
            shift = 1 + 0.09 * (counts.index(entry["replicas"]) - (len(counts) - 1) / 2)  # side by side
            axes.plot([x * shift] * 2, [done, bound], color=colours[entry["replicas"]], linewidth=0.8)
            axes.plot(x * shift, bound, "_", color=colours[entry["replicas"]], ms=7)
            axes.plot(x * shift, done, look, color=colours[entry["replicas"]], ms=5)
        for problem, look in looks.items():
            label = next(entry["label"] for entry in found["floors"] if entry["problem"] == problem)
            axes.plot([], [], look, color="#404040", label=label)
        for count, colour in colours.items():
            axes.plot([], [], "o", color=colour, label=f"{count:,} replica{'s' * (count > 1)}")
        axes.set(xscale="log", yscale="log", xlabel="floating-point operations / byte", ylabel="10⁹ operations / s")
        axes.set_xscale("log", base=2)
        figure.legend(loc="outside right upper", fontsize=7)
        here = found["machine"]
        layout.caption(
            figure,
            f"Points: what this project reaches; dashes above them: the machine's limit for this problem, from its own "
            f"shapes and its own working set. Batch 64, Adam, float32, {found['data']}; {here['cpu']}, {here['cores']} "
            f"cores{', ' + here['gpu'] if here.get('gpu') else ''}. Medians over {found['processes']} rounds. "
            "Operations are those of matrix products; of the scalar, its four.",
        )
    return figure


def scaling(found: Mapping) -> Figure:
    """How cost grows: a panel a series, seconds against size, and a dashed line where they would be proportional.

    found: what `python -m tests.perf.scaling --json` writes. Raises ValueError where it holds no series.
    """
    series = found["series"]
    if not series:
        raise ValueError("nothing was measured: there are no series to draw.")
    columns = min(3, len(series))
    lines = -(-len(series) // columns)
    with style.context():
        figure = Figure(figsize=(0.3 + 2.55 * columns, 0.7 + 1.9 * lines), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).flatten()
        for axes in panels[len(series) :]:
            axes.set_axis_off()
        for axes, one in zip(panels, series, strict=False):
            _growth(axes, one)
        for axes in panels[: len(series) : columns]:
            axes.set_ylabel("seconds")
        here = found["machine"]
        layout.caption(
            figure,
            f"Medians over {found['rounds']} rounds, with 95 % t intervals on logarithms; compiling is apart. Dashed: "
            "in proportion to the largest size. Above each panel the seconds for each unit at the largest size and the "
            "exponent of growth over the upper half of the sizes (on the logarithmic scale) with its 95 % t interval "
            f"over rounds. Batch 64, Adam, float32, {found['data']}; {here['cpu']}, {here['cores']} cores"
            f"{', ' + here['gpu'] if here.get('gpu') else ''}.",
        )
    return figure


def seconds(value: float) -> str:
    """Seconds with three digits, in the unit that suits them."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _growth(axes: Axes, one: Mapping) -> None:
    """One series."""
    x, middle = one["x"], one["seconds"]
    colour = style.BLUE if one["linear"] else style.RED
    known = [None not in bounds for bounds in zip(one["low"], one["high"], strict=True)]
    low, high = ([b if k else m for b, k, m in zip(one[end], known, middle, strict=True)] for end in ("low", "high"))
    reach = [[max(0, m - b) for m, b in zip(middle, low, strict=True)]]  # a median may lie beyond a mean's interval
    reach.append([max(0, b - m) for m, b in zip(middle, high, strict=True)])
    axes.plot(x, [middle[-1] * size / x[-1] for size in x], "--", color="#909090", linewidth=0.9, zorder=1)
    axes.errorbar(x, middle, yerr=reach, fmt="o-", color=colour, ms=3.5, elinewidth=1)
    axes.set(xscale="log", yscale="log", xlabel=f"{one['unit']}s")
    bottom, top = min(middle) / 2, max(middle) * 2
    if top / bottom < 100:  # two decades at least, so that there are labels
        bottom, top = (bottom * top / 100) ** 0.5, (bottom * top * 100) ** 0.5
    axes.set_ylim(bottom, top)
    bounds = (one["exponent_low"], one["exponent_high"])
    interval = "" if None in bounds else " [{:.2f}, {:.2f}]".format(*bounds)
    words = f"{seconds(one['constant'])} a {one['unit']}, exponent {one['exponent']:.2f}{interval}"
    axes.set_title(f"{one['label']}\n{words}", loc="left", fontsize=7)


def _panel(axes: Axes, rows: Sequence[Mapping], names: Sequence[str], notes: Mapping, problem: str) -> None:
    counts = sorted({row["replicas"] for row in rows})
    looks = dict(zip(counts, [*_LOOKS] * len(counts), strict=False))
    for rank, count in enumerate(counts):
        shown = [r for r in rows if r["replicas"] == count and (count == counts[0] or r["form"] == "together")]
        if not shown:
            continue
        at = [names.index(row["peer"]) + 0.2 * (rank - (len(counts) - 1) / 2) for row in shown]
        middle = [row["rate"] for row in shown]
        known = [row["high"] is not None for row in shown]
        below = [r["rate"] - r["low"] if k else 0 for r, k in zip(shown, known, strict=True)]
        above = [r["high"] - r["rate"] if k else 0 for r, k in zip(shown, known, strict=True)]
        reach = [[max(0, b) for b in below], [max(0, a) for a in above]]  # a median may lie beyond a mean's interval
        look = looks[count]
        label = f"{count:,}"
        axes.errorbar(middle, at, xerr=reach, fmt=look.marker, color=look.colour, ms=4.5, elinewidth=1.1, label=label)
    own = [row["rate"] for row in rows if row["peer"] == names[0] and row["replicas"] == counts[0]]
    if own:
        axes.axvline(own[0], color=looks[counts[0]].colour, linewidth=0.8, linestyle=":", zorder=0)
    seen = {row["peer"] for row in rows}
    for place, name in enumerate(names):
        if name not in seen:
            note = notes.get((name, problem), "does not train this")
            axes.text(0.5, place, note, transform=axes.get_yaxis_transform(), ha="center", va="center", color="#606060")
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    if high / low < 100:  # a decade at least on either side of what there is, so that there are two labels
        axes.set_xlim(low / (100 * low / high) ** 0.5, high * (100 * low / high) ** 0.5)
    axes.grid(False, axis="y")
    for place in range(1, len(names)):
        axes.axhline(place - 0.5, color="#e4e4e4", linewidth=0.5, zorder=0)
    axes.set_xlabel("replica-steps / s")
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{rows[0]['problem_label']}\nreplicas:", loc="left")
    axes.legend(
        loc="lower right",
        bbox_to_anchor=(1.02, 0.985),
        ncols=len(counts),
        borderaxespad=0,
        fontsize=7,
        handletextpad=0.1,
        columnspacing=0.7,
        borderpad=0.1,
    )


def _caption(found: Mapping, rows: Sequence[Mapping]) -> str:
    here = found["machine"]
    wrong = sorted({row["label"] for row in rows if row["check"] and not row["check"].get("agrees", True)})
    return (
        f"Batch 64, Adam, float32, {found['data']}; {here['cpu']}, {here['cores']} cores"
        f"{', ' + here['gpu'] if here.get('gpu') else ''}. Medians over {found['processes']} rounds of fresh processes "
        "that take turns, with 95 % t intervals on logarithms; first calls and compiling are apart. Who has only one "
        "point trains replicas one after another, at the rate of one. Dotted: this project at one replica."
        + f" Loss not the same: {', '.join(wrong)}."
        * bool(wrong)
    )


def memory(found: Mapping) -> Figure:
    """Resident memory of a long sweep over time: of the command, and of the process that trains.

    found: what `python -m tests.perf.thousand --json` writes. Raises ValueError where nothing was watched.
    """
    longest = max(found["commands"], key=lambda one: len(one["trainer"]))
    if not longest["trainer"]:
        raise ValueError("no memory was watched: there is nothing to draw.")
    with style.context():
        figure = Figure(figsize=(6.3, 3.0), layout="constrained")
        axes = figure.subplots()
        shown = (("trainer", "the process that trains", _LOOKS[0]), ("command", "the command", _LOOKS[1]))
        for name, label, look in shown:
            minutes, sizes = ([x / 60 for x, _ in longest[name]], [size / 2**30 for _, size in longest[name]])
            axes.plot(minutes, sizes, color=look.colour, linewidth=1.2, label=label)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("minutes")
        axes.set_ylabel("resident memory, GiB")
        axes.legend(frameon=False, loc="upper left")
        axes.set_ylim(top=1.3 * axes.get_ylim()[1])  # below the legend
        about = found["machine"]
        layout.caption(
            figure,
            f"A sweep of {found['runs']:,} runs, each compiled and trained, in {longest['seconds'] / 60:.0f} min. The "
            f"process that trains is renewed once it has 2.5 GiB. {about['cores']} cores of {about['cpu']}, "
            f"{about['date'][:10]}, commit {about['commit'][:7]}.",
        )
    return figure
