"""The table `surrogates`: rankings and what is left of the differences, printed, written, and said in sentences."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import wording
from results.analysis.spread import Spread
from results.analysis.surrogates import CONDITIONS, CONTROL, OUTSIDE, PAIR, TITLES, Rankings, marked, pairs, remarks
from results.tables import printing

MARKS = {"better": "▲", "worse": "▼", "undecided": "·", "reference": "ref", "": ""}
EDGES = {"low": "≤", "high": "≥", "": ""}
LEFT = "What is left of the differences"


def findings(spread: Spread) -> list[str]:
    """What the numbers say, in one sentence a task and optimizer."""
    return [
        f"{task}, {optimizer}: {_finding(rows.set_index('condition'), spread.reference.label)}."
        for (_, task, _, optimizer), rows in spread.rows.groupby(PAIR, sort=False)
    ]


def show(rankings: Rankings, spread: Spread, console: Console | None = None) -> list[Table]:
    """Prints a table a task and optimizer, one of the spreads, and the findings; returns the tables.

    Args:
        rankings: of analysis.surrogates.
        spread: of the same rankings.
        console: where they are printed; a new one unless it is given. An interval stands below its mean where it is too
            narrow for one line.

    Returns:
        In this order.
    """
    console, shown = printing.wide(console or Console()), []
    for title, rows in pairs(rankings.rows):
        wide = _ranked(title, rows, rankings, apart=" ")
        fits = console.measure(wide, options=console.options.update(max_width=1000)).maximum <= console.width
        shown.append(wide if fits else _ranked(title, rows, rankings, apart="\n"))
    if shown:
        shown.append(_left(spread.rows, _sentences(rankings, spread)))
    for table in shown:
        console.print(table, "", soft_wrap=False)
    for sentence in findings(spread):
        console.print(escape(sentence), highlight=False)
    return shown


def write(rankings: Rankings, spread: Spread, folder: str | Path) -> list[Path]:
    """Writes surrogates.csv and surrogates_spread.csv (every number as it is), and surrogates.md and surrogates.tex (as
    one would print it, a table a task and optimizer, and one of the spreads).

    Args:
        rankings: of analysis.surrogates.
        spread: of the same rankings.
        folder: where they go.

    Returns:
        Their paths, in this order.
    """
    markdown, latex = io.StringIO(), io.StringIO()
    markdown.writelines(f"- {sentence}\n" for sentence in findings(spread))
    for number, (title, printed, text) in enumerate(parts(rankings, spread), 1):
        markdown.write("\n" * (number == 1) + printing.as_markdown(printed, title, text))
        latex.write(printing.as_latex(printed, f"{title}. {text}", f"tab:surrogates-{number}"))
    latex.writelines(f"{printing.tex(sentence)}\n\n" for sentence in findings(spread))
    numbers = rankings.rows.assign(values=rankings.rows["values"].map(json.dumps))
    first, *texts = printing.write(folder, "surrogates", numbers, markdown.getvalue(), latex.getvalue())
    spreads = first.with_name("surrogates_spread.csv")
    printing.csv(spread.rows, spreads)
    return [first, spreads, *texts]


def parts(rankings: Rankings, spread: Spread) -> list[printing.Part]:
    """A table a task and optimizer, and one of the spreads, as one would print them.

    Args:
        rankings: of analysis.surrogates.
        spread: of the same rankings.

    Returns:
        In this order; none where nothing is ranked.
    """
    found = [printing.Part(title, _printed(rows), _caption(rows, rankings)) for title, rows in pairs(rankings.rows)]
    if found:
        found.append(printing.Part(LEFT, _printed_spread(spread.rows), _sentences(rankings, spread)))
    return found


def _finding(rows: pd.DataFrame, reference: str) -> str:
    first, many = rows.iloc[0], f"{rows['estimators'].iloc[0]} surrogates"
    changed = {"tuned": "tuning", "area_tuned": "tuning after area normalisation"}
    said, tuned = [], [name for name in changed if name in rows.index]
    at = {
        "default": "at the default rate",
        "tuned": "once the rate is tuned",
        "area_tuned": "with the area normalised as well",
    }
    if first["estimators"] < 2:
        return "fewer than two surrogates are known in every condition, so there is nothing to compare"
    if rows["spread"].isna().any():
        said.append(f"one seed does not tell the spread of {many} from noise")
    elif "default" not in rows.index:
        values = [f"{_number(rows.loc[name, 'spread'])} at the {TITLES[name]}" for name in tuned]
        said.append(f"{many} spread by {' and '.join(values)}; nothing says what that is of the default rate's spread")
    elif rows.loc["default", "spread"] == 0:
        said.append(f"at the default rate {many} do not differ by more than the seeds' noise")
    else:
        spans = [f"{_number(rows.loc[name, 'middle_half'])} {at[name]}" for name in at if name in rows.index]
        noise = _number(rows.loc[[*tuned, "default"][0], "noise"])
        said.append(f"the middle half of {many} spans {', '.join(spans)} (standard error of a mean {noise})")
        clauses = []
        for later, name in enumerate(tuned):
            share, variance = rows.loc[name, "share_of_default"], f"the variance between {many} at the default rate"
            if share > 1:
                clauses.append(f"{'it' if later else variance} grows to {wording.percent(share)} by {changed[name]}")
            else:
                clauses.append(f"{wording.percent(share)}{'' if later else f' of {variance}'} survives {changed[name]}")
        said.append(", ".join(clauses))
    decided = [name for name in tuned if pd.notna(rows.loc[name, "decided"])]
    where = {"tuned": "at the tuned rate", "area_tuned": "after area normalisation and tuning"}
    if decided:
        one, *more = (f"{rows.loc[name, 'decided']} {where[name]}" for name in decided)
        of = f" of the {rows.loc[decided[0], 'contrasts']} others differ from {reference} "
        said.append(" and ".join([one.replace(" ", of, 1), *more]) + " (Holm)")
    return "; ".join(said)


def _cells(rows: pd.DataFrame, apart: str) -> tuple[list[str], list[str], list[list[str]]]:
    """Of one task and optimizer: the labels, a header for each condition, and the texts as rows.

    Args:
        rows: of the ranking.
        apart: what stands between a mean and its interval.

    Returns:
        (labels, headers, texts); the texts of a column are padded so that their parts stand below each other.
    """
    order = rows.assign(other=rows["condition"] != "tuned").sort_values(["other", "rank", "estimator_label"])
    order = order.drop_duplicates("estimator")
    headers, columns = [], []
    for condition in (c for c in CONDITIONS if (rows["condition"] == c.name).any()):
        here = rows[rows["condition"] == condition.name].set_index("estimator")
        one = not condition.tuned and here["learning_rate"].nunique() == 1
        headers.append(condition.title + (f" ({here['learning_rate'].iloc[0]:g})" if one else ""))
        parts = {row.Index: _parts(row, rate="" if one else f"{row.learning_rate:g}") for row in here.itertuples()}
        wide = [max(map(len, column)) for column in zip(*parts.values(), strict=True)]
        columns.append([_joined(parts[name], wide, apart) if name in parts else "–" for name in order["estimator"]])
    return list(marked(order)), headers, [list(row) for row in zip(*columns, strict=True)]


def _parts(row, rate: str) -> tuple[str, str, str, str]:
    """Rank with the verdict's mark, mean, interval, rate."""
    mean, ends = wording.mean_and_interval(row.mean, row.low, row.high, row.unit)
    return f"{row.rank:g} {MARKS[row.verdict]}".strip(), mean, ends, EDGES[row.edge] + rate


def _joined(parts: tuple[str, ...], wide: list[int], apart: str) -> str:
    lead, mean, ends, rate = (text.rjust(width) for text, width in zip(parts, wide, strict=True))
    if apart == "\n":
        return f"{lead} {mean}{rate and f' {rate}'}\n{ends}"
    return " ".join(text for text in (lead, mean, ends, rate) if text)


def _ranked(title: str, rows: pd.DataFrame, rankings: Rankings, apart: str) -> Table:
    table = _rich(title, _caption(rows, rankings))
    labels, headers, texts = _cells(rows, apart)
    table.add_column("estimator", overflow="fold")
    for header in headers:
        table.add_column(header.replace(", ", ",\n").replace(" (", "\n("), justify="right", no_wrap=True)
    for label, row in zip(labels, texts, strict=True):
        table.add_row(escape(label), *map(escape, row))
    return table


def _left(spread: pd.DataFrame, caption: str) -> Table:
    """The table of spreads; each task, optimizer and measure stand in a line of their own above their conditions."""
    table, printed = _rich(LEFT, caption), _printed_spread(spread)
    for header in printed.columns[2:]:
        words = header in ("Condition", "Best")
        table.add_column(header, justify="left" if words else "right", overflow="fold", no_wrap=not words)
    for (where, measure), rows in printed.groupby(["Task, optimizer", "Measure"], sort=False):
        table.add_row(escape(f"{where}: {measure}"))
        for _, _, condition, *texts in rows.itertuples(index=False):
            table.add_row(f"  {condition}", *map(escape, texts))
    return table


def _rich(title: str, caption: str) -> Table:
    return Table(
        title=escape(title),
        caption=escape(caption),
        title_justify="left",
        caption_justify="left",
        box=SIMPLE,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    labels, headers, texts = _cells(rows, apart=" ")
    plain = [[" ".join(text.split()) for text in row] for row in texts]
    return pd.DataFrame(plain, columns=[header.capitalize() for header in headers]).assign(Estimator=labels)[
        ["Estimator", *(header.capitalize() for header in headers)]
    ]


def _printed_spread(spread: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Task, optimizer": spread["task_label"] + ", " + spread["optimizer_label"],
            "Measure": [_called(r.measure) + (f" ({r.unit})" if r.unit else "") for r in spread.itertuples()],
            "Condition": spread["condition"].map(TITLES),
            "n": spread["estimators"].astype(str),
            "Spread": spread["spread"].map(_number),
            "Share": [_interval(r.share_of_default, r.share_low, r.share_high) for r in spread.itertuples()],
            "Middle half": spread["middle_half"].map(_number),
            "Noise": spread["noise"].map(_number),
            "Best": [best if isinstance(best, str) else "–" for best in spread["best"]],
            "Range": spread["range"].map(_number),
            "▲": spread["better"].map(_count),
            "▼": spread["worse"].map(_count),
            "ρ default": spread["rho"].map(_correlation),
            "ρ tuned": spread["rho_tuned"].map(_correlation),
        }
    )


def _caption(rows: pd.DataFrame, rankings: Rankings) -> str:
    """What one needs to read the table of one task and optimizer."""
    first, reference = rows.iloc[0], rankings.reference
    many = wording.how_many(rows["seeds"], "seed")
    interval = " with 95 % t interval" if rows["seeds"].max() > 1 else ""
    text = f"Rank (1 is best) and mean {_called(first['measure'])} over {many}{interval} at the last step"
    text += f"; tuned rates, at the right, were chosen by {_called(first['selects'])} there"
    text += ", which is what is reported: nothing is held out." if first["selects"] == first["measure"] else "."
    if (rows["verdict"] != "").any():
        text += (
            f" {MARKS['better']} better, {MARKS['worse']} worse than {reference.label} ({MARKS['reference']}), "
            f"{MARKS['undecided']} undecided: t tests paired by seed, corrected by Holm for the contrasts of a column."
        )
    if (rows["edge"] != "").any():
        text += f" {EDGES['low']}, {EDGES['high']}: the smallest, the largest rate tried."
    if rows["control"].any():
        text += f"{CONTROL}: a control, whose slope is zero everywhere."
    if (rows["outside_spread"] != "").any():
        text += f"{OUTSIDE}: ranked, and in no spread."
    if rows["mean"].isna().any():
        text += " Unknown: at least one of the seeds diverged, and its value is not finite."
    elif rows["diverged"].any():
        text += " A seed without a finite value counts as the worst share."
    if rows["estimator"].value_counts().nunique() > 1:
        text += " –: not run."
    return text


def _sentences(rankings: Rankings, spread: Spread) -> str:
    """The caption of the table of spreads: its columns, and what must be known of the whole."""
    text = [
        "Over the n estimators that are known in every condition of their task and optimizer.",
        "Spread: standard deviation of their means, less the noise of the seeds. Share: its square over that at the "
        "default rate, with a 95 % interval (jackknife over seeds). Middle half: what lies between the quartiles of "
        "the means. Noise: a mean's standard error beside the others, which have the same seeds. Range: best mean "
        "minus worst mean.",
        f"{MARKS['better']}, {MARKS['worse']}: how many are better and worse than the reference.",
        "ρ: Spearman's correlation of the means with those at the default and at the tuned rate.",
        *remarks(rankings),
    ]
    unsupported = {label for _, label in rankings.unsupported}
    others: dict[str, list[str]] = {}
    for label, where in spread.left_out:
        if label not in unsupported:
            others.setdefault(where, []).append(label)
    text += [f"Not known in every condition, {where}: {', '.join(labels)}." for where, labels in others.items()]
    return " ".join(text)


def _called(name: str) -> str:
    return name.replace("_", " ")


def _number(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.3g}"


def _count(value) -> str:
    return "–" if pd.isna(value) else str(value)


def _correlation(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:z.2f}"


def _interval(share: float, low: float, high: float) -> str:
    """A share in per cent and, where it is known, its interval."""
    ends = "" if math.isnan(low) else f" [{wording.percent(low)}, {wording.percent(high)}]"
    return wording.percent(share) + ends
