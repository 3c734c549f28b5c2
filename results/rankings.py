"""The surrogates' table: how estimators rank, and how much of their differences is left once they are tuned."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scipy import stats

from results import schema, statistics, tables


@dataclass(frozen=True)
class Condition:
    """A way to compare estimators: its name and title, how slopes are scaled, and whether validation chose the rate."""

    name: str
    title: str
    normalize: str
    tuned: bool


CONDITIONS = (
    Condition("default", "default rate", "none", False),
    Condition("tuned", "tuned rate", "none", True),
    Condition("area_default", "area-normalised, default rate", "area", False),
    Condition("area_tuned", "area-normalised, tuned rate", "area", True),
)
TITLES = {condition.name: condition.title for condition in CONDITIONS}
PAIR = ["task", "task_label", "optimizer", "optimizer_label"]
LEVEL = 0.05  # a contrast is decided below this corrected p value
MARKS = {"better": "▲", "worse": "▼", "undecided": "·", "reference": "ref", "": ""}
EDGES = {"low": "≤", "high": "≥", "": ""}
CONTROL = " †"
LEFT = "What is left of the differences"

COLUMNS = {  # of rankings(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer": "name of the optimizer",
    "optimizer_label": "the optimizer as it is printed",
    "estimator": "name of the estimator",
    "estimator_label": "the estimator as it is printed",
    "control": "whether its slope is zero everywhere: ranked, but in no spread and no correlation",
    "condition": "name in CONDITIONS",
    "learning_rate": "the optimizer's default, or what validation chose",
    "edge": "low or high where a chosen rate is the smallest or largest tried (statistics.choose)",
    "seeds": "replicas with this rate",
    "diverged": "how many of them diverged",
    "selects": "the measure that rates are chosen by",
    "measure": "the measure that is reported",
    "measure_label": "the measure as it is printed",
    "unit": "its unit; empty for a pure number",
    "better": "higher or lower",
    "mean": "its mean over seeds at the last step",
    "low": "lower end of the 95 % t interval",
    "high": "upper end",
    "standard_error": "of the mean, over seeds",
    "values": "the measure of each seed, by seed",
    "rank": "1 is best within task, optimizer and condition; ties share their average, unknown means are last",
    "difference": "mean over common seeds of estimator minus reference, same task, optimizer and condition",
    "difference_low": "lower end of its 95 % t interval",
    "difference_high": "upper end",
    "p_holm": "p value of the paired t test, corrected by Holm for the contrasts of its task, optimizer and condition",
    "verdict": "better or worse where p_holm is below LEVEL, else undecided; reference; empty without a reference",
}
SPREAD = {  # of spread(): name and what it holds
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "optimizer": "name of the optimizer",
    "optimizer_label": "the optimizer as it is printed",
    "condition": "name in CONDITIONS",
    "measure": "the measure that is reported",
    "unit": "its unit; empty for a pure number",
    "estimators": "how many are known in every condition of this task and optimizer, and no control: only these count",
    "spread": "standard deviation of their means, less the seeds' noise (the measure's unit)",
    "share_of_default": "its square over that of the condition default: the share of the variance that is left",
    "middle_half": "the upper quartile of their means minus the lower one",
    "noise": "standard error of a mean beside the others, which have the same seeds",
    "range": "best mean minus worst mean, negative where lower is better (the measure's unit)",
    "best": "the estimator with the best mean, as it is printed",
    "contrasts": "how many of them were compared with the reference",
    "decided": "how many of these differ from it",
    "better": "how many are better",
    "worse": "how many are worse",
    "rho": "Spearman's correlation of their means with those of the condition default",
    "rho_tuned": "and with those of the condition tuned",
}


def rankings(table: pd.DataFrame) -> pd.DataFrame:
    """One row a task, optimizer, condition and estimator (columns: COLUMNS).

    A condition without runs is absent; so are the default rates of an optimizer where they were not trained. `attrs`
    has what captions must say: "reference" (name and label), "declined", "missing" and "remarks".
    Raises schema.RecordError for a table that does not come from `results.load`, and where something else than
    normalize and the learning rate was swept: the question would have two answers.
    """
    entries, notes = _entries(table) if len(table) else ([], [])
    reference, labels = table.attrs.get("reference", ""), {e["estimator"]: e["estimator_label"] for e in entries}
    families: dict[tuple, list[dict]] = {}
    for entry in entries:
        families.setdefault(tuple(entry[key] for key in (*PAIR, "condition")), []).append(entry)
    rows = [row for family in families.values() for row in _compared(family, reference)]
    out = pd.DataFrame(rows, columns=list(COLUMNS))
    order = {name: at for at, name in enumerate(TITLES)}
    by = ["task_label", "optimizer_label", "condition", "rank", "estimator_label"]
    out = out.sort_values(by, key=lambda c: c.map(order) if c.name == "condition" else c, ignore_index=True)
    declined = [
        {**pair, "estimator_label": labels.get(pair["estimator"], pair["estimator"])}
        for pair in table.attrs.get("declined", ())
    ]
    out.attrs = {
        "reference": {"name": reference, "label": labels.get(reference, reference)},
        "declined": declined,
        "missing": dict(table.attrs.get("missing", {})),
        "remarks": notes,
    }
    return out


def spread(rankings: pd.DataFrame) -> pd.DataFrame:
    """One row a task, optimizer and condition (columns: SPREAD), over the same estimators in every condition.

    The seeds' noise is what is left of the values by estimator and seed when both have their means taken off: what all
    estimators have in common at a seed, start and batches, does not part them, and is no noise between them (two-way
    analysis of variance without replication, as in Searle, Casella, McCulloch 1992). One seed does not tell noise from
    spread, which is then NaN.
    """
    found, left_out = [], []
    for pair, rows in rankings.groupby(PAIR, sort=False):
        conditions = list(dict.fromkeys(rows["condition"]))
        usable = rows[~rows["control"] & rows["mean"].notna()]
        counts = usable.groupby("estimator_label")["condition"].nunique()
        shared = sorted(counts.index[counts == len(conditions)])
        others = sorted(set(rows.loc[~rows["control"], "estimator_label"]) - set(shared))
        left_out += [(label, f"{pair[1]}, {pair[3]}") for label in others]
        by = {
            name: own.set_index("estimator_label").loc[shared]
            for name, own in rows[rows["estimator_label"].isin(shared)].groupby("condition")
        }
        for condition in conditions:
            words = rows.iloc[0][["measure", "unit"]]
            found.append({**dict(zip(PAIR, pair, strict=True)), "condition": condition, **words})
            found[-1] |= _spread(condition, by) if len(shared) > 1 else {"estimators": len(shared)}
    out = pd.DataFrame(found, columns=list(SPREAD))
    counted = ["estimators", "contrasts", "decided", "better", "worse"]
    numbers = ["spread", "share_of_default", "middle_half", "noise", "range", "rho", "rho_tuned"]
    out = out.astype({**dict.fromkeys(counted, "Int64"), **dict.fromkeys(numbers, "float64")})
    out.attrs = {**rankings.attrs, "left_out": left_out}
    return out


def holm(p: Sequence[float]) -> np.ndarray:
    """The p values of one family, corrected for their number so that the chance of any wrong decision stays bounded.

    Holm 1979 (Scandinavian Journal of Statistics 6, 65-70): the smallest of n is multiplied by n, the next by n − 1, …,
    and none ends below a smaller one. Every unknown value, NaN, counts as 1 and stays unknown.
    """
    p = np.asarray(p, "float64")
    order = np.argsort(p)  # NaN last
    steps = np.where(np.isnan(p), 1, p)[order] * np.arange(p.size, 0, -1)
    out = np.empty(p.size)
    out[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return np.where(np.isnan(p), np.nan, out)


def findings(spread: pd.DataFrame) -> list[str]:
    """What the numbers say, in one sentence a task and optimizer."""
    reference = spread.attrs["reference"]["label"]
    return [
        f"{task}, {optimizer}: {_finding(rows.set_index('condition'), reference)}."
        for (_, task, _, optimizer), rows in spread.groupby(PAIR, sort=False)
    ]


def show(rankings: pd.DataFrame, spread: pd.DataFrame, console: Console | None = None) -> list[Table]:
    """Prints a table a task and optimizer, one of the spreads, and the findings; returns the tables.

    An interval stands below its mean where the console is too narrow for one line.
    """
    console = console or Console()
    if not console.is_terminal and console.width < 100:
        console = Console(file=console.file, width=100)
    shown = []
    for title, rows in _pairs(rankings):
        wide = _ranked(title, rows, rankings, apart=" ")
        fits = console.measure(wide, options=console.options.update(max_width=1000)).maximum <= console.width
        shown.append(wide if fits else _ranked(title, rows, rankings, apart="\n"))
    if shown:
        shown.append(_left(spread, _said(rankings, spread)))
    for table in shown:
        console.print(table, "", soft_wrap=False)
    for sentence in findings(spread):
        console.print(escape(sentence), highlight=False)
    return shown


def write(rankings: pd.DataFrame, spread: pd.DataFrame, folder: str | Path) -> list[Path]:
    """Writes surrogates.csv and surrogates_spread.csv (every number as it is), and surrogates.md and surrogates.tex (as
    one would print it, a table a task and optimizer, and one of the spreads). Returns their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [(title, _printed(rows), _caption(rows, rankings)) for title, rows in _pairs(rankings)]
    if parts:
        parts.append((LEFT, _printed_spread(spread), _said(rankings, spread)))
    markdown, latex = io.StringIO(), io.StringIO()
    markdown.writelines(f"- {sentence}\n" for sentence in findings(spread))
    for number, (title, printed, text) in enumerate(parts, 1):
        markdown.write("\n" * (number == 1) + tables.as_markdown(printed, title, text))
        latex.write(tables.as_latex(printed, f"{title}. {text}", f"tab:surrogates-{number}"))
    latex.writelines(f"{tables.tex(sentence)}\n\n" for sentence in findings(spread))
    paths = [folder / name for name in ("surrogates.csv", "surrogates_spread.csv", "surrogates.md", "surrogates.tex")]
    rankings.assign(values=rankings["values"].map(json.dumps)).to_csv(paths[0], index=False)
    spread.to_csv(paths[1], index=False)
    paths[2].write_text(markdown.getvalue(), encoding="utf-8")
    paths[3].write_text(latex.getvalue(), encoding="utf-8")
    return paths


def remarks(rankings: pd.DataFrame) -> list[str]:
    """What one must know of the whole table, a sentence each: what is a control, declined, missing, at an edge."""
    said = []
    controls = sorted(set(rankings.loc[rankings["control"], "estimator_label"]))
    if controls:
        said.append(
            f"Controls{CONTROL}, whose slope is zero everywhere, are ranked but left out of every spread and "
            f"correlation: {', '.join(controls)}."
        )
    reasons: dict[tuple[str, str], set[str]] = {}
    for pair in rankings.attrs["declined"]:
        kind = pair["reason"].removeprefix(pair["estimator"]).rpartition(": ")[2].strip(" .")  # what others share
        reasons.setdefault((pair["normalize"], kind), set()).add(pair["estimator_label"])
    for (normalize, reason), labels in sorted(reasons.items()):
        said.append(f"Declined with normalize={normalize} ({reason}): {', '.join(sorted(labels))}.")
    reference = rankings.attrs["reference"]
    if not reference["name"]:
        said.append("No reference was declared: there are no contrasts.")
    without = rankings[rankings["verdict"] == ""][[*PAIR, "condition"]].drop_duplicates()
    if reference["name"] and len(without):
        where = [f"{row.task_label}, {row.optimizer_label}, {TITLES[row.condition]}" for row in without.itertuples()]
        said.append(f"The reference {reference['label']} was not run in: {'; '.join(where)}.")
    said += rankings.attrs["remarks"]
    for title, rows in _pairs(rankings[rankings["edge"] != ""]):
        by = [
            f"{TITLES[name]}: {', '.join(own['estimator_label'])}"
            for name, own in rows.groupby("condition", sort=False)
        ]
        said.append(f"Rate at an edge of the grid, {title}, {'; '.join(by)}.")
    missing = rankings.attrs["missing"]
    if missing:
        said.append(f"INCOMPLETE: {sum(missing.values())} planned replicas of {len(missing)} runs are missing.")
    return said


def _entries(table: pd.DataFrame) -> tuple[list[dict], list[str]]:
    """What each run says in each condition, with the value of each seed; and what must be said of what is absent."""
    accounts, last, rates = statistics.accounts(table), statistics.ends(table), table.attrs.get("default_rates", {})
    entries, untrained = [], {}
    for normalize in dict.fromkeys(condition.normalize for condition in CONDITIONS):
        rows = last[last["normalize"] == normalize]
        if rows.empty:
            continue
        by_run = dict(list(rows.groupby("run")))
        rows.attrs = {"parts": table.attrs["parts"]}
        settings = statistics.settings(rows)
        _check_one_setting(settings)
        for setting in settings.to_dict("records"):
            run, own = setting["run"], by_run[setting["run"]]
            trained = [r for r in own["learning_rate"].unique() if math.isclose(r, rates.get(run, math.nan))]
            if not trained:
                key = (setting["optimizer_label"], rates.get(run), setting["task_label"])
                untrained.setdefault(key, set()).add(setting["estimator_label"])
            for condition in (c for c in CONDITIONS if c.normalize == normalize and (c.tuned or trained)):
                rate, edge = (setting["learning_rate"], setting["edge"]) if condition.tuned else (trained[0], "")
                where = {"condition": condition.name, "learning_rate": rate, "edge": edge}
                entries.append(_entry(own[own["learning_rate"] == rate], setting, accounts[run], where))
    others = sorted(set(last["normalize"]) - {condition.normalize for condition in CONDITIONS})
    remarks = [f"Runs with normalize={normalize} are left out." for normalize in others]
    every = {(e["optimizer_label"], e["task_label"], e["estimator_label"]) for e in entries}
    for (optimizer, rate, task), labels in sorted(untrained.items(), key=str):
        whole = labels == {label for *where, label in every if where == [optimizer, task]}
        named = "" if whole else f" for {', '.join(sorted(labels))}"
        what = "is not known" if rate is None else f"({rate:g}) was not trained"
        remarks.append(f"The default rate of {optimizer} {what} on {task}{named}.")
    return entries, remarks


def _check_one_setting(settings: pd.DataFrame) -> None:
    for row in settings.itertuples():
        if row.variant or row.parameters:
            what = row.variant or row.parameters.split("=")[0]
            raise schema.RecordError(
                f"{row.estimator_label} on {row.task_label} with {row.optimizer_label} was run with more than one "
                f"setting ({what}): a ranking of surrogates needs one."
            )


def _entry(rows: pd.DataFrame, setting: Mapping, account: Mapping, where: Mapping) -> dict:
    """The columns of one row that need no other estimator, and "values": the reported measure by seed, in its order."""
    measure = statistics.measure(account["reports"], account)
    if not measure.better:
        raise schema.RecordError(f"estimators cannot be ranked by '{measure.name}', which has no better direction.")
    rows = rows.sort_values("seed")
    values = rows.set_index("seed")[measure.name].astype("float64")
    lost = rows["diverged"].notna() if "diverged" in rows else pd.Series(False, rows.index)
    if not np.isfinite(values[~lost.to_numpy()]).all():
        raise schema.RecordError(f"run {setting['run']} has no '{measure.name}' of a replica that did not diverge.")
    values = values.where(np.isfinite(values), measure.worst if math.isfinite(measure.worst) else math.nan)
    mean, low, high = statistics.interval(values)
    return {
        **{key: setting[key] for key in (*PAIR, "estimator", "estimator_label")},
        **where,
        "control": bool(account.get("control", False)),
        "seeds": len(rows),
        "diverged": int(lost.sum()),
        "selects": account["selects"],
        "measure": measure.name,
        "measure_label": measure.label,
        "unit": measure.unit,
        "better": measure.better,
        "mean": mean,
        "low": low,
        "high": high,
        "standard_error": float(stats.sem(values)) if len(values) > 1 else math.nan,
        "values": {int(seed): float(value) for seed, value in values.items()},
    }


def _compared(family: list[dict], reference: str) -> list[dict]:
    """The entries of one task, optimizer and condition with their ranks and their contrasts to the reference."""
    sign = -1 if family[0]["better"] == "higher" else 1
    costs = np.array([sign * entry["mean"] for entry in family])
    ranks = stats.rankdata(np.where(np.isnan(costs), np.inf, costs))
    rows = [{**entry, "rank": rank, "verdict": ""} for entry, rank in zip(family, ranks, strict=True)]
    fixed = next((pd.Series(entry["values"]) for entry in family if entry["estimator"] == reference), None)
    if fixed is None:
        return rows
    others = [row for row in rows if row["estimator"] != reference]
    tests = [_paired(pd.Series(row["values"]), fixed) for row in others]
    for row, (difference, low, high, _), p in zip(others, tests, holm([test[-1] for test in tests]), strict=True):
        decided = ("better" if sign * difference < 0 else "worse") if p < LEVEL else "undecided"
        row |= {"difference": difference, "difference_low": low, "difference_high": high}
        row |= {"p_holm": p, "verdict": decided}
    for row in rows:
        row["verdict"] = "reference" if row["estimator"] == reference else row["verdict"]
    return rows


def _paired(own: pd.Series, reference: pd.Series) -> tuple[float, float, float, float]:
    """Mean of own minus reference over their common seeds, both ends of its 95 % t interval, p of the paired t test."""
    seeds = own.index.intersection(reference.index)
    differences = (own[seeds] - reference[seeds]).to_numpy("float64")
    found = statistics.interval(differences)
    if math.isnan(found[1]):
        return *found, math.nan
    rounding = 1e-12 * max(own[seeds].abs().max(), reference[seeds].abs().max())
    if np.ptp(differences) <= rounding:  # where the t statistic is 0/0 or infinite
        return *found, float(abs(found[0]) <= rounding)
    return *found, float(stats.ttest_1samp(differences, 0).pvalue)


def _spread(condition: str, by: Mapping[str, pd.DataFrame]) -> dict:
    """The numbers of one row of spread(); by: for each condition the rows of the same estimators in the same order."""
    rows, higher = by[condition], by[condition]["better"].iloc[0] == "higher"
    means = rows["mean"]
    variance, default = _variance(rows), _variance(by["default"]) if "default" in by else math.nan
    out = {
        "estimators": len(rows),
        "spread": math.sqrt(variance),
        "share_of_default": variance / default if default > 0 else math.nan,
        "middle_half": float(means.quantile(0.75) - means.quantile(0.25)),
        "noise": math.sqrt(_noise(rows)),
        "range": (means.max() - means.min()) * (1 if higher else -1),
        "best": means.idxmax() if higher else means.idxmin(),
        "rho": _rho(means, by["default"]["mean"]) if "default" in by else math.nan,
        "rho_tuned": _rho(means, by["tuned"]["mean"]) if "tuned" in by else math.nan,
    }
    verdicts = rows["verdict"][rows["verdict"] != "reference"]
    if (verdicts == "").any():
        return out
    better, worse = int((verdicts == "better").sum()), int((verdicts == "worse").sum())
    return out | {"contrasts": len(verdicts), "decided": better + worse, "better": better, "worse": worse}


def _variance(rows: pd.DataFrame) -> float:
    """Variance between the means less that of the seeds (the measure's unit, squared); NaN if that is unknown."""
    means = _common(rows).mean(1)
    left, rounding = means.var(ddof=1) - _noise(rows), (1e-12 * np.abs(means).max()) ** 2
    return 0.0 if left <= rounding else left


def _noise(rows: pd.DataFrame) -> float:
    """The variance that seeds give a mean beside the others (the measure's unit, squared); NaN for one seed."""
    values = _common(rows)
    degrees = (values.shape[0] - 1) * (values.shape[1] - 1)
    residuals = values - values.mean(1, keepdims=True) - values.mean(0, keepdims=True) + values.mean()
    return float((residuals**2).sum() / degrees / values.shape[1]) if degrees > 0 else math.nan


def _common(rows: pd.DataFrame) -> np.ndarray:
    """The values of the seeds that all have, [estimators, seeds]."""
    return pd.DataFrame(list(rows["values"])).dropna(axis="columns").to_numpy()


def _rho(means: pd.Series, others: pd.Series) -> float:
    """Spearman's correlation; NaN for fewer than three, or where one side is constant."""
    if len(means) < 3 or means.nunique() == 1 or others.nunique() == 1:
        return math.nan
    return float(stats.spearmanr(means.to_numpy(), others.to_numpy()).statistic)


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
                clauses.append(f"{'it' if later else variance} grows to {_percent(share)} by {changed[name]}")
            else:
                clauses.append(f"{_percent(share)}{'' if later else f' of {variance}'} survives {changed[name]}")
        said.append(", ".join(clauses))
    decided = [name for name in tuned if pd.notna(rows.loc[name, "decided"])]
    where = {"tuned": "at the tuned rate", "area_tuned": "after area normalisation and tuning"}
    if decided:
        one, *more = (f"{rows.loc[name, 'decided']} {where[name]}" for name in decided)
        of = f" of the {rows.loc[decided[0], 'contrasts']} others differ from {reference} "
        said.append(" and ".join([one.replace(" ", of, 1), *more]) + " (Holm)")
    return "; ".join(said)


def _pairs(rankings: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for (_, task, _, optimizer), rows in rankings.groupby(PAIR, sort=False):
        yield f"{task}, {optimizer}", rows


def _cells(rows: pd.DataFrame, apart: str) -> tuple[list[str], list[str], list[list[str]]]:
    """Of one task and optimizer: the labels, a header for each condition, and the texts as rows; the texts of a column
    are padded so that their parts stand below each other. apart: what stands between a mean and its interval."""
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
    labels = order["estimator_label"] + order["control"].map({True: CONTROL, False: ""})
    return list(labels), headers, [list(row) for row in zip(*columns, strict=True)]


def _parts(row, rate: str) -> tuple[str, str, str, str]:
    """Rank with the verdict's mark, mean, interval, rate."""
    mean, bracket, ends = tables.aggregate(row.mean, row.low, row.high, row.unit).partition(" [")
    return f"{row.rank:g} {MARKS[row.verdict]}".strip(), mean, bracket.strip() + ends, EDGES[row.edge] + rate


def _joined(parts: tuple[str, ...], wide: list[int], apart: str) -> str:
    lead, mean, ends, rate = (text.rjust(width) for text, width in zip(parts, wide, strict=True))
    if apart == "\n":
        return f"{lead} {mean}{rate and f' {rate}'}\n{ends}"
    return " ".join(text for text in (lead, mean, ends, rate) if text)


def _ranked(title: str, rows: pd.DataFrame, rankings: pd.DataFrame, apart: str) -> Table:
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
            "Share": spread["share_of_default"].map(_percent),
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


def _caption(rows: pd.DataFrame, rankings: pd.DataFrame) -> str:
    """What one needs to read the table of one task and optimizer."""
    first, seeds, reference = rows.iloc[0], sorted(set(rows["seeds"])), rankings.attrs["reference"]
    many = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    text = f"Rank (1 is best) and mean {_called(first['measure'])} over {many} seed{'s' * (seeds[-1] > 1)}"
    text += " with 95 % t interval" * (seeds[-1] > 1) + " at the last step"
    text += f"; tuned rates, at the right, were chosen by {_called(first['selects'])} there"
    text += ", which is what is reported: nothing is held out." if first["selects"] == first["measure"] else "."
    if (rows["verdict"] != "").any():
        text += (
            f" {MARKS['better']} better, {MARKS['worse']} worse than {reference['label']} ({MARKS['reference']}), "
            f"{MARKS['undecided']} undecided: t tests paired by seed, corrected by Holm for the contrasts of a column."
        )
    if (rows["edge"] != "").any():
        text += f" {EDGES['low']}, {EDGES['high']}: the smallest, the largest rate tried."
    if rows["control"].any():
        text += f"{CONTROL}: a control, whose slope is zero everywhere."
    if rows["mean"].isna().any():
        text += " Unknown: at least one of the seeds diverged, and its value is not finite."
    elif rows["diverged"].any():
        text += " A seed without a finite value counts as the worst share."
    if rows["estimator"].value_counts().nunique() > 1:
        text += " –: not run."
    return text


def _said(rankings: pd.DataFrame, spread: pd.DataFrame) -> str:
    """The caption of the table of spreads: its columns, and what must be known of the whole."""
    text = [
        "Over the n estimators that are known in every condition of their task and optimizer.",
        "Spread: standard deviation of their means, less the noise of the seeds. Share: its square over that at the "
        "default rate. Middle half: what lies between the quartiles of the means. Noise: a mean's standard error "
        "beside the others, which have the same seeds. Range: best mean minus worst mean.",
        f"{MARKS['better']}, {MARKS['worse']}: how many are better and worse than the reference.",
        "ρ: Spearman's correlation of the means with those at the default and at the tuned rate.",
        *remarks(rankings),
    ]
    declined = {pair["estimator_label"] for pair in rankings.attrs["declined"]}
    others: dict[str, list[str]] = {}
    for label, where in spread.attrs["left_out"]:
        if label not in declined:
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
    return "–" if math.isnan(value) else f"{value:.2f}"


def _percent(share: float) -> str:
    """A share in per cent: 31 %, <1 %."""
    if math.isnan(share):
        return "–"
    return "<1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"
