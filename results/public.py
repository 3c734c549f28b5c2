"""What Python is given of records: the result set with its tables and figures as methods."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console

from results import figures, tables
from results.analysis import compared
from results.analysis.summary import summary
from results.analysis.verdicts import verdicts
from results.drawing import style
from results.records import reading, result_set, schema
from results.records.place import DEFAULT
from results.records.plan import Plan
from results.records.store import Store
from steeplechase.errors import UserError, did_you_mean


class ResultSet(result_set.ResultSet):
    """Records that were read, with all that is made of them.

    `rows` is the data frame: one row per replica and recorded step; `columns()` says what each of its columns holds.
    `accounts`, `missing` and `plan` say how it came to be.
    """

    def columns(self) -> pd.DataFrame:
        """What the columns of `rows` hold.

        Returns:
            One row per column, by its name: its kind (text, count, number or parameter), its meaning, its unit ("" of a
            word, 1 of a pure number) and which way is better ("" where it has no direction).
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
        return summary(compared.apart(self)).rows

    def verdicts(self) -> pd.DataFrame:
        """Who is better than whom, or equivalent.

        Returns:
            One row per contrast; the columns are those of results/analysis/contrasts.py.

        Raises:
            RecordError: for records that cannot be compared.
        """
        return verdicts(compared.apart(self)).rows

    def findings(self) -> list[str]:
        """The verdicts in sentences, and what a reader must know of them.

        Returns:
            One sentence each.

        Raises:
            RecordError: as `verdicts`.
        """
        kind = tables.TABLES["verdicts"]
        return kind.findings(*kind.find(compared.apart(self)))

    def show(self, *names: str) -> None:
        """Prints tables, as the commands do.

        Args:
            *names: of tables, such as `summary`, `verdicts`, `ranking` or `tuning`; none: `summary`.

        Raises:
            UserError: for a name that no table has.
            RecordError: for records of which it cannot be made.
        """
        for name in names or ("summary",):
            _check("table", name, tables.TABLES)
            kind = tables.TABLES[name]
            kind.show(*kind.find(compared.apart(self)), Console())

    def figure(self, name: str = "convergence", columns: int = 2) -> Figure:
        """A figure of these records, for `savefig`, or for a notebook, which shows it after `%matplotlib inline`.

        Args:
            name: of a figure, such as `convergence`, `learning_rate`, `ranking` or `throughput`.
            columns: of a page that it spans, 1 or 2: its width, and the size of its letters.

        Returns:
            A Matplotlib figure.

        Raises:
            UserError: for a name that no figure has, and for another number of columns.
            RecordError: for records that are incomplete, or of which it cannot be drawn.
        """
        _check("figure", name, (*figures.names(), *figures.RENAMED))
        if columns not in (1, 2):
            raise UserError(f"columns is {columns!r}, but must be 1 or 2.")
        self.complete()
        with style.context(columns):
            return figures.drawn(name, compared.apart(self), columns)


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
    """
    return ResultSet(**vars(reading.load(store, plan)))


def _check(kind: str, name: str, known) -> None:
    if name not in known:
        raise UserError(
            f"there is no {kind} '{name}'{did_you_mean(name, known)} Known are: {', '.join(sorted(known))}."
        )


def _column(name: str, declared: Mapping[str, Mapping]) -> tuple[str, str, str, str]:
    """kind, meaning, unit and direction of a column."""
    site = name.split(".")
    if schema.is_parameter(name):
        meaning = "half-width of the slopes, in spreads of what arrives at a site" if name == schema.WIDTH else name
        return "parameter", meaning, "", ""
    if name in declared:
        return "number", declared[name]["label"], declared[name]["unit"] or "1", declared[name]["better"]
    column = schema.COLUMNS.get(name) or schema.SITES[site[1]]
    at = f" at {'.'.join(site[2:])}" if name not in schema.COLUMNS else ""
    return column.kind, column.meaning + at, column.unit, column.better
