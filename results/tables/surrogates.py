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
from results.analysis.draws import spread_words
from results.analysis.spread import Spread, default_condition, tuned_condition
from results.analysis.surrogates import (
    CONDITIONS,
    CONTROL,
    OUTSIDE,
    PAIR,
    TITLES,
    Rankings,
    joined,
    marked,
    pairs,
    remarks,
)
from results.statistics.reliability import HALVES, LEAST
from results.tables import printing

MARKS = {"better": "▲", "worse": "▼", "undecided": "·", "reference": "ref", "": ""}
EDGES = {"low": "≤", "high": "≥", "": ""}
LEFT = "What is left of the differences"
WITHOUT = "What is left without the one that decides most"
RANKED_ORDER = "Rows: by rank at the tuned rate, the best first."
ORDER = "What is left of the order"
WITHOUT_CAPTION = (
    "Without: the estimator whose absence changes the share most, at the default rate the spread; and spread and share "
    "without it. Where the two shares are far apart, a share is about this estimator and not about the others."
)


ORDER_CAPTION = (
    "Halves: Spearman's correlation of the means over one half of the seeds with those over the other, averaged over "
    f"{HALVES} random halves. ρ: that of the means over all seeds with those at the default and at the tuned rate. "
    "Ceiling: what ρ would be if the true order were the same: the geometric mean of both conditions' 2h / (1 + h), h "
    f"being what their halves show. Corrected: ρ over its ceiling, where that is above {LEAST:g}."
)


def findings(spread: Spread) -> list[str]:
    """What the numbers say, in one sentence a task and optimizer."""
    return [
        f"{task}, {optimizer}: {_finding(rows.set_index('condition'), spread.reference.label)}."
        for (_, task, _, optimizer), rows in spread.rows.groupby(PAIR, sort=False)
    ]


def show(rankings: Rankings, spread: Spread, console: Console | None = None) -> list[Table]:
    """Prints a table a task and optimizer, three of what is left, and the findings; returns the tables.

    Args:
        rankings: of analysis.surrogates.
        spread: of the same rankings.
        console: where they are printed; a new one unless it is given. An interval stands below its mean where it is too
            narrow for one line.

    Returns:
        In this order.
    """
    console, shown = printing.wide(console or Console()), []
    for title, rows in pairs(joined(rankings)):
        wide = _ranked(title, rows, rankings, apart=" ")
        fits = console.measure(wide, options=console.options.update(max_width=1000)).maximum <= console.width
        shown.append(wide if fits else _ranked(title, rows, rankings, apart="\n"))
    if shown:
        shown.append(_by_condition(LEFT, _printed_spread(spread.rows), _sentences(rankings, spread)))
        shown.append(_by_condition(WITHOUT, _printed_without(spread.rows), WITHOUT_CAPTION))
        shown.append(_by_condition(ORDER, _printed_order(spread.rows), ORDER_CAPTION))
    for table in shown:
        console.print(table, "", soft_wrap=False)
    for sentence in findings(spread):
        console.print(escape(sentence), highlight=False)
    return shown


def write(rankings: Rankings, spread: Spread, folder: str | Path) -> list[Path]:
    """Writes surrogates.csv and surrogates_spread.csv (every number as it is), and surrogates.md and surrogates.tex (as
    one would print it, a table a task and optimizer, and three of what is left).

    Args:
        rankings: of analysis.surrogates.
        spread: of the same rankings.
        folder: where they go.

    Returns:
        Their paths, in this order.
    """
    markdown, latex = io.StringIO(), io.StringIO()
    markdown.writelines(f"- {sentence}\n" for sentence in findings(spread))
    for number, (title, printed, text, _) in enumerate(parts(rankings, spread), 1):
        markdown.write("\n" * (number == 1) + printing.as_markdown(printed, title, text))
        latex.write(printing.as_latex(printed, f"{title}. {text}", f"tab:surrogates-{number}"))
    latex.writelines(f"{printing.tex(sentence)}\n\n" for sentence in findings(spread))
    numbers = pd.concat([rankings.rows, rankings.twins], ignore_index=True) if len(rankings.twins) else rankings.rows
    numbers = numbers.assign(values=numbers["values"].map(json.dumps))
    first, *texts = printing.write(folder, "surrogates", numbers, markdown.getvalue(), latex.getvalue())
    spreads = first.with_name("surrogates_spread.csv")
    printing.csv(spread.rows.assign(without=spread.rows["without"].map(json.dumps)), spreads)
    return [first, spreads, *texts]


def parts(rankings: Rankings, spread: Spread) -> list[printing.Part]:
    """A table a task and optimizer, and three of what is left, as one would print them.

    Args:
        rankings: of analysis.surrogates.
        spread: of the same rankings.

    Returns:
        In this order; none where nothing is ranked.
    """
    found = [
        printing.Part(title, _printed(rows, rankings.twins), _caption(rows, rankings))
        for title, rows in pairs(joined(rankings))
    ]
    if found:
        found.append(printing.Part(LEFT, _printed_spread(spread.rows), _sentences(rankings, spread)))
        found.append(printing.Part(WITHOUT, _printed_without(spread.rows), WITHOUT_CAPTION))
        found.append(printing.Part(ORDER, _printed_order(spread.rows), ORDER_CAPTION))
    return found


def _finding(rows: pd.DataFrame, reference: str) -> str:
    first, many, default = rows.iloc[0], f"{rows['estimators'].iloc[0]} surrogates", default_condition(rows.index)
    changed = {"tuned": "tuning", "area_tuned": "tuning after area normalisation"}
    said, tuned = [], [name for name in changed if name in rows.index]
    at = {
        "default": "at the default rate",
        "tuned": "once the rate is tuned",
        "area_tuned": "with the area normalised as well",
    }
    if default == "area_default":  # all slopes have one area: tuning alone parts the two
        changed = {"area_tuned": "tuning"}
        at = {"area_default": "at the default rate, the area normalised", "area_tuned": "once tuned"}
    if first["estimators"] < 2:
        return "fewer than two surrogates are known in every condition, so there is nothing to compare"
    if rows["spread"].isna().any():
        said.append(f"one seed does not tell the spread of {many} from noise")
    elif not default:
        values = [f"{_number(rows.loc[name, 'spread'])} at the {TITLES[name]}" for name in tuned]
        said.append(f"{many} spread by {' and '.join(values)}; nothing says what that is of the default rate's spread")
    elif rows.loc[default, "spread"] == 0:
        said.append(f"at the default rate {many} do not differ by more than the seeds' noise")
    else:
        spans = [f"{_number(rows.loc[name, 'middle_half'])} {at[name]}" for name in at if name in rows.index]
        noise = _number(rows.loc[[*tuned, default][0], "noise"])
        said.append(f"the middle half of {many} spans {', '.join(spans)} (standard error of a mean {noise})")
        clauses = []
        for later, name in enumerate(tuned):
            share, variance = rows.loc[name, "share_of_default"], f"the variance between {many} at the default rate"
            if share > 1:
                clause = f"{'it' if later else variance} grows to {wording.percent(share)} by {changed[name]}"
            else:
                clause = f"{wording.percent(share)}{'' if later else f' of {variance}'} survives {changed[name]}"
            clauses.append(clause + _without(rows.loc[name]))
        said.append(", ".join(clauses))
        later = tuned_condition(rows.index)
        said += [_order(rows.loc[later])] if later in tuned and not math.isnan(rows.loc[later, "ceiling"]) else []
    decided = [name for name in tuned if pd.notna(rows.loc[name, "decided"])]
    where = {"tuned": "at the tuned rate", "area_tuned": "after area normalisation and tuning"}
    if decided:
        one, *more = (f"{rows.loc[name, 'decided']} {where[name]}" for name in decided)
        of = f" of the {rows.loc[decided[0], 'contrasts']} others differ from {reference} "
        said.append(" and ".join([one.replace(" ", of, 1), *more]) + " (Holm)")
    return "; ".join(said)


def _without(row: pd.Series) -> str:
    """What the share is without the estimator that decides it most."""
    if pd.isna(row["influential"]) or math.isnan(row["share_without"]):
        return ""
    return f" ({wording.percent(row['share_without'])} without {row['influential']})"


def _order(row: pd.Series) -> str:
    """What the order at the default rate says of the one at the tuned rate, beside what noise leaves of any order."""
    text = f"the order at the default rate and at the tuned rate correlate by {_correlation(row['rho'])}, where the "
    text += f"seeds' noise would leave {_correlation(row['ceiling'])} of equal orders"
    return text + ("" if math.isnan(row["rho_corrected"]) else f": {_correlation(row['rho_corrected'])} without it")


def _cells(rows: pd.DataFrame, twins: pd.DataFrame, apart: str) -> tuple[list[str], list[str], list[list[str]]]:
    """Of one task and optimizer: the labels, a header for each condition, and the texts as rows.

    Args:
        rows: of the ranking, as they are printed.
        twins: of the rankings.
        apart: what stands between a mean and its interval.

    Returns:
        (labels, headers, texts); the texts of a column are padded so that their parts stand below each other.
    """
    order = rows.assign(other=rows["condition"] != tuned_condition(set(rows["condition"]))).sort_values(
        ["other", "rank", "estimator_label"]
    )
    order = order.drop_duplicates("estimator")
    headers, columns = [], []
    for condition in (c for c in CONDITIONS if (rows["condition"] == c.name).any()):
        here = rows[rows["condition"] == condition.name].set_index("estimator")
        one = not condition.tuned and here["learning_rate"].nunique() == 1
        headers.append(condition.title + (f" ({here['learning_rate'].iloc[0]:g})" if one else ""))
        parts = {row.Index: _parts(row, rate="" if one else f"{row.learning_rate:g}") for row in here.itertuples()}
        wide = [max(map(len, column)) for column in zip(*parts.values(), strict=True)]
        absent = _other_names(rows.iloc[0], twins, condition.name)
        columns.append(
            [
                _joined(parts[name], wide, apart) if name in parts else absent.get(name, "–")
                for name in order["estimator"]
            ]
        )
    return list(marked(order)), headers, [list(row) for row in zip(*columns, strict=True)]


def _other_names(pair: pd.Series, twins: pd.DataFrame, condition: str) -> dict[str, str]:
    """By estimator what its cell says in a condition in which it is the function of another row."""
    of_pair = _of_pair(twins, pair)
    return {row.estimator: f"= {row.same_as}" for row in of_pair[of_pair["condition"] == condition].itertuples()}


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
    table = _rich(title, f"{_caption(rows, rankings)} {RANKED_ORDER}")
    labels, headers, texts = _cells(rows, rankings.twins, apart)
    table.add_column("estimator", overflow="fold")
    for header in headers:
        table.add_column(header.replace(", ", ",\n").replace(" (", "\n("), justify="right", no_wrap=True)
    for label, row in zip(labels, texts, strict=True):
        table.add_row(escape(label), *map(escape, row))
    return table


def _by_condition(title: str, printed: pd.DataFrame, caption: str) -> Table:
    """A table of conditions; each task, optimizer and measure stand in a line of their own above their conditions."""
    table = _rich(title, caption)
    for header in printed.columns[2:]:
        words = header in ("Condition", "Best", "Without")
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


def _printed(rows: pd.DataFrame, twins: pd.DataFrame) -> pd.DataFrame:
    labels, headers, texts = _cells(rows, twins, apart=" ")
    plain = [[" ".join(text.split()) for text in row] for row in texts]
    return pd.DataFrame(plain, columns=[header.capitalize() for header in headers]).assign(Estimator=labels)[
        ["Estimator", *(header.capitalize() for header in headers)]
    ]


def _printed_spread(spread: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **_where(spread),
            "Spread": spread["spread"].map(_number),
            "Share": [_interval(r.share_of_default, r.share_low, r.share_high) for r in spread.itertuples()],
            "Middle half": spread["middle_half"].map(_number),
            "Noise": spread["noise"].map(_number),
            "Best": [best if isinstance(best, str) else "–" for best in spread["best"]],
            "Range": spread["range"].map(_number),
            "▲": spread["better"].map(_count),
            "▼": spread["worse"].map(_count),
        }
    )


def _printed_without(spread: pd.DataFrame) -> pd.DataFrame:
    rows = list(spread.itertuples())
    return pd.DataFrame(
        {
            **_where(spread),
            "Spread": spread["spread"].map(_number),
            "Share": [_interval(r.share_of_default, r.share_low, r.share_high) for r in rows],
            "Without": [r.influential if isinstance(r.influential, str) else "–" for r in rows],
            "Spread without": spread["spread_without"].map(_number),
            "Share without": [_interval(r.share_without, r.share_without_low, r.share_without_high) for r in rows],
        }
    )


def _printed_order(spread: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            **_where(spread),
            "Halves": spread["halves"].map(_correlation),
            "ρ default": spread["rho"].map(_correlation),
            "ceiling": spread["ceiling"].map(_correlation),
            "corrected": spread["rho_corrected"].map(_correlation),
            "ρ tuned": spread["rho_tuned"].map(_correlation),
            "its ceiling": spread["ceiling_tuned"].map(_correlation),
            "its corrected": spread["rho_tuned_corrected"].map(_correlation),
        }
    )


def _where(spread: pd.DataFrame) -> dict[str, list[str]]:
    """The columns that say of what a row is."""
    return {
        "Task, optimizer": list(spread["task_label"] + ", " + spread["optimizer_label"]),
        "Measure": [_called(r.measure) + (f" ({r.unit})" if r.unit else "") for r in spread.itertuples()],
        "Condition": list(spread["condition"].map(TITLES)),
        "n": list(spread["estimators"].astype(str)),
    }


def _caption(rows: pd.DataFrame, rankings: Rankings) -> str:
    """What one needs to read the table of one task and optimizer."""
    first, reference = rows.iloc[0], rankings.reference
    many = wording.units(rows["seeds"], rows["draws"])
    interval = " with 95 % t interval" if rows["draws"].max() > 1 else ""
    text = f"Rank (1 is best) and mean {_called(first['measure'])} over {many}{interval} at the last step"
    text += f"; tuned rates, at the right, were chosen by {_called(first['selects'])} there"
    text += ", which is what is reported: nothing is held out." if first["selects"] == first["measure"] else "."
    if (rows["draws"] < rows["seeds"]).any():
        parts = spread_words(*(float(rows[name].median()) for name in ("between", "within")))
        text += f" A draw counts by the mean over its seeds; standard deviations, in the median: {parts}."
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
    if len(_of_pair(rankings.twins, first)):
        text += " A = B: one function under several names, which counts once."
    return text


def _of_pair(rows: pd.DataFrame, pair: pd.Series) -> pd.DataFrame:
    return rows[(rows["task"] == pair["task"]) & (rows["optimizer"] == pair["optimizer"])]


def _sentences(rankings: Rankings, spread: Spread) -> str:
    """The caption of the table of spreads: its columns, and what must be known of the whole."""
    text = [
        "Over the n estimators that are known in every condition of their task and optimizer.",
        "Spread: standard deviation of their means, less the noise of the seeds. Share: its square over that at the "
        "default rate, with a 95 % interval given these estimators (jackknife over seeds: it says nothing of others). "
        "Middle half: what lies between the quartiles of the means. Noise: a mean's standard error beside the others, "
        "which have the same seeds. Range: best mean minus worst mean.",
        f"{MARKS['better']}, {MARKS['worse']}: how many are better and worse than the reference.",
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
