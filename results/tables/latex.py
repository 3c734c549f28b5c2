"""The summary as LaTeX for one column of a page: chosen columns, and in bold what the verdicts do not tell from the
best."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from results.analysis.best import Best, best
from results.analysis.summary import summary as summarised
from results.records.result_set import ResultSet
from results.tables import printing, summary
from steeplechase.errors import RecordError, UserError, did_you_mean

COLUMNS = summary.CELLS
NARROW = ("estimator", "optimizer", "end")  # which 3.25 inches have room for
SHORT = {"rate": "Rate", "spread": "SDs", "steps": "Steps (reached)", "speed": "Steps/s"}  # headers there
BOUND = "†"


def check_columns(names: Iterable[str]) -> None:
    """Does nothing where the summary has these columns.

    Args:
        names: of COLUMNS.

    Raises:
        UserError: for one that it does not have, and for one that is named twice.
    """
    names = list(names)
    for name in names:
        if name not in COLUMNS:
            raise UserError(
                f"the summary has no column '{name}'{did_you_mean(name, COLUMNS)} Known are: {', '.join(COLUMNS)}."
            )
        if names.count(name) > 1:
            raise UserError(f"the column '{name}' is named twice.")


def write(results: ResultSet, folder: str | Path, names: Iterable[str]) -> Path:
    """Writes summary.tex, a table a task.

    Args:
        results: of labels.labelled.
        folder: where it goes; it is made where it is not there.
        names: of COLUMNS, in this order.

    Returns:
        The path.

    Raises:
        RecordError: for records that cannot be compared, and where nothing is recorded.
    """
    names, of, bold = list(names), summarised(results), best(results)
    if of.rows.empty:
        raise RecordError("nothing is recorded")
    tables = of.rows.groupby("task_label", sort=True)
    texts = [_table(str(task), rows, names, bold, number) for number, (task, rows) in enumerate(tables, 1)]
    path = Path(folder) / "summary.tex"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(texts), encoding="utf-8")
    return path


def _table(task: str, rows: pd.DataFrame, names: list[str], bold: Best, number: int) -> str:
    headers, cells = summary.cells(rows)
    plain = headers["end"].removesuffix(" at end").removesuffix(" (share)")
    headers |= SHORT | {"end": plain, "validated": f"{plain} at validated step"}
    bounds = (rows["bound"] != "").tolist()
    cells["estimator"] += [f" {BOUND}" * bound for bound in bounds]
    shown = cells[names]
    marked = pd.DataFrame(False, shown.index, shown.columns)
    marked.loc[rows["run"].isin(bold.runs).to_numpy()] = True
    text = f"{task}. {summary.short_caption(rows)} {summary.ORDER} {_bold_sentence(bold, any(bounds))}"
    shown = shown.rename(columns=headers)
    return printing.as_latex(shown, text, f"tab:summary-{number}", marked.set_axis(shown.columns, axis=1))


def _bold_sentence(bold: Best, bounds: bool) -> str:
    """What the caption says of bold rows, and of bounds."""
    text = "Bold: the best mean with each optimizer, and those that its contrasts do not find worse (Holm)."
    if not bold.every_pair:
        text += " Only methods that have a contrast with it can be bold."
    return f"{text} {BOUND}: a bound, compared with nobody." if bounds else text
