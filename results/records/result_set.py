"""The result set: rows that were recorded, the accounts of how they came to be, and what their plan declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from results import wording
from results.records.plan import PlanFacts
from steeplechase.errors import RecordError


@dataclass(frozen=True, eq=False)
class ResultSet:
    """What `results.load` returns, and what every table and figure is made of.

    Attributes:
        rows: one row per replica and recorded step (columns: results/records/schema.py), numbered from 0.
        accounts: of each part of the records that was read, in the order of the rows; the keys are those of
            results/records/account.py, and one that is newer than the record is absent.
        missing: how many replicas of the plan were not found, by run.
        plan: what the plan declared; nothing where no plan was asked for.
    """

    rows: pd.DataFrame
    accounts: tuple[Mapping[str, Any], ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    plan: PlanFacts = field(default_factory=PlanFacts)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rows", self.rows.reset_index(drop=True))

    def with_rows(self, rows: pd.DataFrame) -> ResultSet:
        """Other rows, with all else that is known of these."""
        return replace(self, rows=rows)

    def runs(self) -> dict[str, Mapping[str, Any]]:
        """The account of each run; of several parts of one run the last.

        Returns:
            By the run's name.

        Raises:
            RecordError: where a run has none: then the result set did not come from `results.load`.
        """
        accounts = {account["run"]: account for account in self.accounts}
        absent = sorted(set(self.rows["run"].unique()) - set(accounts)) if len(self.rows) else []
        if absent:
            raise RecordError(f"run {absent[0]} has no account; take the result set from results.load as it is.")
        return accounts

    def final_rows(self) -> pd.DataFrame:
        """The last recorded row of every replica, sorted by run and replica.

        Returns:
            One row per replica, in the columns of `rows`, numbered from 0.

        Raises:
            RecordError: where replicas of one run end differently.
        """
        last = self.rows.loc[self.rows.groupby(["run", "replica"], sort=True)["step"].idxmax()].reset_index(drop=True)
        uneven = last.groupby("run")["step"].nunique()
        if (uneven > 1).any():
            raise RecordError(f"the replicas of run {uneven.idxmax()} do not end at one step.")
        return last

    def complete(self) -> None:
        """Does nothing where every replica is there that the plan wants, and every run has its account.

        Raises:
            RecordError: otherwise, naming what is missing.
        """
        if self.missing:
            named = [f"{count} of {run}" for run, count in sorted(self.missing.items())]
            more = f" and {wording.count(len(named) - 3, 'more run')}" if len(named) > 3 else ""
            lacking = wording.count(sum(self.missing.values()), "replica")
            raise RecordError(f"the table lacks {lacking}: {', '.join(named[:3])}{more}.")
        if self.rows.empty:
            raise RecordError("the table is empty: nothing has been recorded yet.")
        self.runs()

    # `load` returned a data frame until version 0.1; whoever still takes it for one is told where that is.
    # TODO(0.2): remove with the next release.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise AttributeError(f"a ResultSet has no '{name}'; its data frame is in .rows.")

        def __getitem__(self, key: Any) -> Any:
            raise TypeError("a ResultSet has no columns of its own; its data frame is in .rows.")
