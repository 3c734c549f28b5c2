"""The result table: what each estimator reached on each task with each optimizer, and how surely."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import aggregates, rankings, stability, statistics, surrogates, tuning, verdicts, wording
from steeplechase.errors import RecordError

COLUMNS = {  # of summary(): name and what it holds
    "run": "the run, as the store has it",
    "task": "name of the task",
    "task_label": "the task as it is printed",
    "estimator": "name of the estimator",
    "estimator_label": "the estimator as it is printed",
    "optimizer": "name of the optimizer",
    "optimizer_label": "the optimizer as it is printed",
    "variant": "in what the run differs from others of the same three labels",
    "learning_rate": "the rate that was chosen",
    "parameters": "the other values that were chosen",
    "edge": "low or high where the rate is the smallest or largest of three or more, and none between them is as good",
    "remark": "what a reader must know of this row",
    "seeds": "replicas with the chosen setting",
    "selects": "the measure that the setting was chosen by",
    "reports": "the measure that the next six columns hold",
    "unit": "its unit; empty for a pure number",
    "end_mean": "its mean over seeds at the last step",
    "end_low": "lower end of the 95 % t interval",
    "end_high": "upper end",
    "validated_mean": "its mean over seeds at the step that validation chose, for each seed its own",
    "validated_low": "lower end of the 95 % t interval",
    "validated_high": "upper end",
    "target": "what counts as arrived",
    "steps_to_target": "median of the first recorded step at which it was reached, over the seeds that did (updates)",
    "reached": "seeds that reached it",
    "diverged": "replicas that diverged, of all settings",
    "replicas": "replicas of all settings",
    "replica_steps_per_s": "median over parts (1/s)",
    "device": "device class",
    "block": "replicas that one compiled call trains",
}


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The result table (columns: COLUMNS), one row a task, estimator and optimizer: that is, one a run.

    An incomplete table has its summary too: the remark says of each row how many replicas are missing, and
    `summary.attrs["missing"]` has what `table.attrs["missing"]` had. No records give no rows.
    Raises RecordError for a table that does not come from `results.load`.
    """
    missing = dict(table.attrs.get("missing", {}))
    if table.empty:
        out = pd.DataFrame(columns=list(COLUMNS))
    else:
        accounts, settings = statistics.accounts(table), statistics.settings(table)
        paces = [(account["run"], account["replica_steps_per_s"]) for account in table.attrs["parts"]]
        rates = pd.DataFrame(paces, columns=["run", "rate"]).groupby("run")["rate"].median()
        reached = _reached(table, settings, accounts)
        out = pd.DataFrame(
            [
                {
                    **setting,
                    **_row(reached[setting["run"]], setting, accounts[setting["run"]], missing.get(setting["run"], 0)),
                }
                | {"replica_steps_per_s": rates[setting["run"]]}
                for setting in settings.to_dict("records")
            ]
        )[list(COLUMNS)].astype({"steps_to_target": "float64"})
        out = out.sort_values(["task_label", "optimizer_label", "estimator_label", "variant"], ignore_index=True)
    out.attrs = {"missing": missing}
    return out


def show(summary: pd.DataFrame, console: Console | None = None) -> list[Table]:
    """Prints the summary as one table a task, at most 100 columns wide with short names; returns the tables."""
    console, tables = wording.wide(console or Console()), []
    for task, rows in _tasks(summary):
        first = rows.iloc[0]
        name = _called(first, "reports")
        table = Table(
            title=escape(f"{task}: {name}"),
            caption=escape(_caption(rows, summary)),
            title_justify="left",
            caption_justify="left",
            box=SIMPLE,
            padding=0,
            show_edge=False,
        )
        table.add_column("estimator", no_wrap=True)
        for header in ("optimizer", "rate", f"{name}\nat end", "at validated\nstep"):
            table.add_column(header, overflow="fold")
        for header in ("steps to\ntarget", "di-\nverged", "replica-\nsteps/s"):
            table.add_column(header, justify="right", no_wrap=True)
        for row in rows.itertuples():
            table.add_row(
                escape(row.estimator_label + (f"\n{row.variant}" if row.variant else "")),
                escape(row.optimizer_label),
                "\n".join(
                    word
                    for word in (
                        f"{row.learning_rate:g}",
                        _edge(row.edge),
                        escape(statistics.short(row.parameters).replace(", ", "\n")),
                    )
                    if word
                ),
                _aggregate(row, "end").replace(" [", "\n["),
                _aggregate(row, "validated").replace(" [", "\n["),
                _steps(row).replace(" (", "\n("),
                f"{row.diverged}/{row.replicas}",
                _rate(row.replica_steps_per_s),
            )
        console.print(table, "", soft_wrap=False)
        tables.append(table)
    return tables


def write(summary: pd.DataFrame, folder: str | Path, name: str) -> list[Path]:
    """Writes NAME.csv (every number as it is, columns as in COLUMNS), and NAME.md and NAME.tex (as one would print it,
    a table a task). Returns their paths."""
    return wording.write(folder, name, summary, *wording.texts(parts(summary), name))


def parts(summary: pd.DataFrame) -> list[wording.Part]:
    """A table a task, as one would print it."""
    return [wording.Part(str(task), _printed(rows), _caption(rows, summary)) for task, rows in _tasks(summary)]


def notebook(table: pd.DataFrame) -> pd.DataFrame:
    """The table that the notebook of this project printed: its step k has the loss, the gradient and y before update k,
    and x after it; every tenth step.

    Raises RecordError where the table is not one replica of a scalar task with a row for every step.
    """
    rows = table.sort_values("step").reset_index(drop=True)
    needed = ["train_loss", "gradient", "x", "y"]
    if not {*needed} <= {*rows.columns} or list(rows["step"]) != list(range(len(rows))) or len(rows) < 2:
        raise RecordError("the notebook's table needs one replica of a scalar task with a row for every step.")
    out = rows[:-1][["step", "train_loss", "gradient", "y"]].assign(x=rows["x"][1:].to_numpy())
    return out[out["step"] % 10 == 0][["step", "train_loss", "gradient", "x", "y"]].reset_index(drop=True)


def _show_notebook(found: pd.DataFrame, console: Console) -> list[Table]:
    shown = Table(title="The notebook's table: loss, gradient and y before the step's update, x after it", box=SIMPLE)
    for column in found.columns:
        shown.add_column(column, justify="right")
    for row in found.itertuples(index=False):
        shown.add_row(str(row.step), *(f"{number:z.6f}" for number in row[1:]))
    console.print(shown)
    return [shown]


def _write_notebook(found: pd.DataFrame, folder: str | Path) -> list[Path]:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wording.csv(found, folder / "notebook.csv")
    return [folder / "notebook.csv"]


def _notebook_parts(found: pd.DataFrame) -> list[wording.Part]:
    printed = found.assign(**{name: found[name].map("{:z.6f}".format) for name in found.columns[1:]})
    return [wording.Part("The notebook's table", printed.astype(str), "Before the step's update; x after it.")]


class Kind(NamedTuple):
    """What can be made of a table of records.

    find(table) -> what it says, a tuple of tables, each of which the others take: show(*found, console) prints it,
    write(*found, folder) -> the files, parts(*found) -> it as text, findings(*found) -> it in sentences.
    """

    find: Callable[[pd.DataFrame], tuple]
    show: Callable
    write: Callable[..., list[Path]]
    parts: Callable[..., Iterable[wording.Part]]
    findings: Callable[..., list[str]] = lambda *found: []


def _rankings(table: pd.DataFrame) -> tuple:
    ranked = rankings.rankings(table)
    return ranked, rankings.spread(ranked)


# What `tables` in the configuration may name.
TABLES = {
    "summary": Kind(
        lambda table: (summary(table),), show, lambda found, folder: write(found, folder, "summary"), parts
    ),
    "verdicts": Kind(
        lambda table: (verdicts.verdicts(table),),
        verdicts.show,
        verdicts.write,
        verdicts.parts,
        lambda found: [*verdicts.findings(found), *found.attrs["remarks"]],
    ),
    "aggregates": Kind(
        lambda table: (aggregates.aggregates(table), aggregates.improvement(table)),
        aggregates.show,
        aggregates.write,
        aggregates.parts,
    ),
    "ranking": Kind(lambda table: (stability.stability(table),), stability.show, stability.write, stability.parts),
    "tuning": Kind(lambda table: (tuning.tuning(table), tuning.grid(table)), tuning.show, tuning.write, tuning.parts),
    "notebook": Kind(lambda table: (notebook(table),), _show_notebook, _write_notebook, _notebook_parts),
    "surrogates": Kind(
        _rankings, surrogates.show, surrogates.write, surrogates.parts, lambda _, spread: surrogates.findings(spread)
    ),
}


def make(name: str, table: pd.DataFrame, folder: str | Path, console: Console) -> list[Path]:
    """Prints the table of this name and writes its files to a folder; returns their paths."""
    kind = TABLES[name]
    found = kind.find(table)
    kind.show(*found, console)
    return kind.write(*found, folder)


def _reached(table: pd.DataFrame, settings: pd.DataFrame, accounts: dict[str, dict]) -> dict[str, dict]:
    """By run, what its replicas with the chosen setting reached: the reported measure at the `end` and at the
    `validated` step, and the `steps` to the target; and of all its replicas how many `diverged`, of how many."""
    table, found = statistics.bare(table), {}
    every = statistics.ends(table)
    lost = every["diverged"].notna() if "diverged" in every else pd.Series(False, every.index)
    lost = lost.groupby(every["run"]).agg(["sum", "size"])
    chosen = settings.set_index("run")["replicas"]
    for account, runs in statistics.alike(accounts, settings["run"]):
        ids = chosen[runs].explode()
        kept, last = (rows[rows["replica"].isin(ids)] for rows in (table, every))
        measured = {
            "end": (last, account["reports"]),
            "validated": (statistics.validated(kept, account), "value"),
            "steps": (statistics.steps_to_target(kept, account), "steps"),
        }
        columns = {name: dict(list(rows.groupby("run")[column])) for name, (rows, column) in measured.items()}
        for run in runs:
            diverged, replicas = lost.loc[run]
            found[run] = {name: by_run[run] for name, by_run in columns.items()}
            found[run] |= {"diverged": int(diverged), "replicas": int(replicas)}
    return found


def _row(reached: dict, setting: dict, account: dict, missing: int) -> dict:
    """What one run's rows say at its chosen setting."""
    measure = statistics.measure(account["reports"], account)
    end = statistics.interval(reached["end"], measure.worst)
    best = statistics.interval(reached["validated"], measure.worst)
    steps = reached["steps"].dropna()
    alone = account["selects"] == account["reports"]
    remarks = [
        f"{_edge(setting['edge'])} rate tried" if setting["edge"] else "",
        "nothing held out: chosen by what is reported" if alone else "",
        f"{missing} planned replicas missing" if missing else "",
    ]
    target, value = account["target"]
    sign = "≥" if statistics.measure(target, account).better == "higher" else "≤"
    return {
        "remark": "; ".join(remark for remark in remarks if remark),
        "seeds": len(setting["replicas"]),
        "selects": account["selects"],
        "reports": measure.name,
        "unit": measure.unit,
        **dict(zip(("end_mean", "end_low", "end_high"), end, strict=True)),
        **dict(zip(("validated_mean", "validated_low", "validated_high"), best, strict=True)),
        "target": f"{statistics.measure(target, account).label.lower()} {sign} {value:g}",
        "steps_to_target": float(steps.median()) if len(steps) else math.nan,
        "reached": len(steps),
        "diverged": reached["diverged"],
        "replicas": reached["replicas"],
        "device": account["device"],
        "block": account["block"],
    }


def _tasks(summary: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield from summary.groupby("task_label", sort=True)


def _printed(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one task as text, with labels and units in the headers."""
    first = rows.iloc[0]
    name = _called(first, "reports") + (f" ({first.unit})" if first.unit else "")
    columns = {
        "Estimator": [r.estimator_label + (f" ({r.variant})" if r.variant else "") for r in rows.itertuples()],
        "Optimizer": list(rows["optimizer_label"]),
        "Learning rate": [f"{r.learning_rate:g}" for r in rows.itertuples()],
        "Parameters": list(rows["parameters"]),
        "Seeds": [str(n) for n in rows["seeds"]],
        f"{name} at end": [_aggregate(r, "end") for r in rows.itertuples()],
        f"{name} at validated step": [_aggregate(r, "validated") for r in rows.itertuples()],
        "Steps to target (reached)": [_steps(r) for r in rows.itertuples()],
        "Diverged": [f"{r.diverged}/{r.replicas}" for r in rows.itertuples()],
        "Replica-steps/s": [_rate(r.replica_steps_per_s) for r in rows.itertuples()],
        "Remark": list(rows["remark"]),
    }
    return pd.DataFrame({k: v for k, v in columns.items() if k not in ("Parameters", "Remark") or any(v)})


def _caption(rows: pd.DataFrame, summary: pd.DataFrame) -> str:
    first, seeds = rows.iloc[0], sorted(set(rows["seeds"]))
    many = f"{seeds[0]}" if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    text = f"Mean over {many} seed{'s' * (seeds[-1] > 1)}" + (" with 95 % t interval" if seeds[-1] > 1 else "")
    text += f"; learning rate chosen by {_called(first, 'selects').lower()} at the last step"
    if first["selects"] == first["reports"]:
        text += ", which is also what is reported: nothing is held out, and the validated step is the best one"
    text += f". Target: {first['target']}; median over the seeds that reached it."
    if rows[["end_mean", "validated_mean"]].isna().any(axis=None):
        text += " Unknown: at least one of the seeds diverged, and its value is not finite."
    elif rows["diverged"].any() and str(first["unit"]).startswith("share"):
        text += " A seed that diverged counts as the worst share."
    missing = summary.attrs.get("missing")
    if missing:
        text += f" INCOMPLETE: {wording.missing(missing)}"
    return text


def _called(row: pd.Series, column: str) -> str:
    return str(row[column]).replace("_", " ").capitalize()


def _edge(edge: str) -> str:
    return {"low": "smallest", "high": "largest"}.get(edge, "")


def _aggregate(row, which: str) -> str:
    return wording.aggregate(*(getattr(row, f"{which}_{part}") for part in ("mean", "low", "high")), row.unit)


def _rate(number: float) -> str:
    """A rate to three significant digits, with its thousands set apart: 2,040."""
    return "unknown" if math.isnan(number) else f"{float(f'{number:.3g}'):z,.{0 if number >= 100 else 2}f}"


def _steps(row) -> str:
    steps = "never" if math.isnan(row.steps_to_target) else f"{row.steps_to_target:.0f}"
    return f"{steps} ({row.reached}/{row.seeds})"
