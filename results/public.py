"""What Python is given of records: the result set with its tables and figures as methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from results import figures, outputs, tables, wording
from results.analysis import labels
from results.analysis.summary import summary
from results.analysis.verdicts import verdicts
from results.drawing import style
from results.records import reading, result_set, schema
from results.records.place import DEFAULT
from results.records.plan import Plan
from results.records.store import Store
from steeplechase.errors import UserError


class ResultSet(result_set.ResultSet):
    """Records that were read, with all that is made of them.

    `rows` is the data frame: one row per replica and recorded step; `columns()` says what each of its columns holds.
    `accounts`, `missing` and `plan` say how it came to be.
    """

    def __repr__(self) -> str:
        """What it holds, in a few lines, and what can be asked of it."""
        runs, replicas = (self.rows[name].nunique() if name in self.rows else 0 for name in ("run", "replica"))
        text = f"{wording.count(len(self.rows), 'row')} of {wording.count(replicas, 'replica')} in "
        text += wording.count(runs, "run")
        for kind in ("task", "estimator", "optimizer"):
            text += f"\n  {kind}: {', '.join(map(str, sorted(self.rows[kind].unique())))}" if runs else ""
        lost = sum(self.missing.values())
        text += f"\n  not recorded yet: {wording.count(lost, 'replica')}" if lost else ""
        return text + "\n  .summary() .verdicts() .findings() .show() .figure(NAME) .columns() .rows"

    def columns(self) -> pd.DataFrame:
        """What the columns of `rows` hold.

        Returns:
            One row per column, by its name: its kind (text, count, number or parameter), its meaning, its unit ("" of a
            word, 1 of a pure number) and which way is better ("" where it has no direction). All are "" of a column
            that somebody has added.
        """
        declared = {name: one for account in self.accounts for name, one in account.get("measures", {}).items()}
        found = {name: _column(name, declared) for name in self.rows.columns}
        return pd.DataFrame.from_dict(found, orient="index", columns=["kind", "meaning", "unit", "better"])

    def summary(self) -> pd.DataFrame:
        """What each method reached at its chosen setting, with its interval.

        Returns:
            One row per task, estimator and optimizer; the columns are those of results/analysis/summary.py.

        Raises:
            RecordError: for records that cannot be compared.
        """
        return summary(labels.labelled(self)).rows

    def verdicts(self) -> pd.DataFrame:
        """Who is better than whom, or equivalent.

        Returns:
            One row per contrast; the columns are those of results/analysis/contrasts.py.

        Raises:
            RecordError: for records that cannot be compared.
        """
        return verdicts(labels.labelled(self)).rows

    def findings(self) -> list[str]:
        """The verdicts in sentences, and what a reader must know of them.

        Returns:
            One sentence each.

        Raises:
            RecordError: as `verdicts`.
        """
        kind = tables.TABLES["verdicts"]
        return kind.findings(*kind.find(labels.labelled(self)))

    def show(self, *names: str) -> None:
        """Prints tables, as the commands do.

        Args:
            *names: of tables, such as `summary`, `verdicts`, `ranking` or `tuning`; none: `summary`.

        Raises:
            UserError: for a name that no table has.
            RecordError: for records of which it cannot be made.
        """
        outputs.check_names([], list(names))
        for name in names or ("summary",):
            kind = tables.TABLES[name]
            kind.show(*kind.find(labels.labelled(self)), Console())

    def figure(self, name: str = "convergence", columns: int = 2, journal: str | None = None) -> Figure:
        """A figure of these records, for `savefig`, or for a notebook, which shows it after `%matplotlib inline`.

        Args:
            name: of a figure, such as `convergence`, `learning_rate`, `ranking` or `throughput`.
            columns: of a page that it spans, 1 or 2: its width, and the size of its letters.
            journal: for whose page it is, `icml`, `neurips` or `ieee`: as wide, and in its letters.

        Returns:
            A Matplotlib figure.

        Raises:
            UserError: for a name that no figure or journal has, and for another number of columns.
            RecordError: for records that are incomplete, or of which it cannot be drawn.
        """
        outputs.check_names([name], [])
        if columns not in (1, 2):
            raise UserError(f"columns is {columns!r}, but must be 1 or 2.")
        if journal is not None:
            outputs.check_journal(journal)
        self.complete()
        figure = figures.drawn(name, labels.labelled(self), columns, journal)

        def savefig(*arguments: Any, **options: Any) -> None:
            """Figure.savefig, with the fonts and the resolution for print."""
            with style.printed_in(journal), style.context(columns):
                type(figure).savefig(figure, *arguments, **options)

        figure.savefig = savefig  # type: ignore[method-assign]
        return figure


def load(store: str | Path | Store = DEFAULT, plan: str | Plan | None = None) -> ResultSet:
    """All recorded rows that a plan wants, with the accounts of their parts and what the plan declared.

    Args:
        store: its folder; without it the one that commands use, `results` in the current folder.
        plan: a plan or its name; None takes, of every run, the records of its newest code.

    Returns:
        The result set.

    Raises:
        RecordError: for records that are damaged.
        StoreError: for an unknown plan and what cannot be read.
        UserError: where there is no such folder.
    """
    folder = store.root if isinstance(store, Store) else Path(store)
    if not folder.is_dir():
        meant = isinstance(store, str) and plan is None and folder.name == store != DEFAULT
        hint = f"; did you mean the plan of this name, load(plan={store!r})?" if meant else "."
        raise UserError(f"there is no store {folder}: a store is the folder that a sweep has written{hint}")
    return ResultSet(**vars(reading.load(store, plan)))


def _column(name: str, declared: Mapping[str, Mapping]) -> tuple[str, str, str, str]:
    """kind, meaning, unit and direction of a column."""
    site = name.split(".")
    if schema.is_parameter(name):
        meaning = "half-width of the slopes, in spreads of what arrives at a site" if name == schema.WIDTH else name
        return "parameter", meaning, "", ""
    if name in declared:
        return "number", declared[name]["label"], declared[name]["unit"] or "1", declared[name]["better"]
    if name in schema.COLUMNS:
        column, at = schema.COLUMNS[name], ""
    elif name.startswith(schema.SITE) and len(site) > 2 and site[1] in schema.SITES:
        column, at = schema.SITES[site[1]], f" at {'.'.join(site[2:])}"
    else:  # somebody has added it
        return "", "", "", ""
    return column.kind, column.meaning + at, column.unit, column.better
