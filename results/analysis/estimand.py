"""Estimands: what a mean over seeds is a mean over, and how far it speaks of anything else.

Pure functions of a result set; no chance anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from results.records.result_set import ResultSet

SEEDS = {"split": "task.split_seed", "instance": "task.instance_seed"}  # the columns that fix a draw for all


@dataclass(frozen=True)
class Estimand:
    """What a draw of the problem is.

    Attributes:
        draws: "split", "subset" or "instance"; "" where the problem is one, or where the records do not say.
        fixed: the split or instance that all seeds share; None: each has its own.
        overlap: how many test examples there are for each training example, where the draws re-split the same examples;
            0 where they share nothing; NaN where nothing follows for new examples.
        shuffled: of subsets the number by which the examples were shuffled before they were parted.
        per_draw: how many seeds meet each draw.
    """

    draws: str = ""
    fixed: int | None = None
    overlap: float = math.nan
    shuffled: int | None = None
    per_draw: int = 1

    @property
    def resplits(self) -> bool:
        """Whether its draws split the same examples again, the test part among them."""
        return self.fixed is None and self.overlap > 0

    @property
    def text(self) -> str:
        """What is estimated, in half a sentence."""
        if self.fixed is not None:
            return f"over starts and batches, given {self.draws} {self.fixed}"
        start = "each with a start of its own"
        if self.per_draw > 1:
            start = f"the mean over {self.per_draw} seeds in each, with starts of their own"
        if self.draws == "instance":
            return f"over instances, {start}"
        if self.draws == "subset":
            if self.overlap == 0:
                apart = f"shuffled by {self.shuffled}; they share none, so this speaks of new ones, too"
                return f"over disjoint subsets of the examples ({apart}), {start}"
            apart = f"shuffled by {self.shuffled}), given one test part"
            return f"over disjoint subsets of the training examples ({apart}, {start}"
        if self.resplits:
            return f"over re-splits of the same examples, {start}"
        if self.draws == "split":
            text = "over re-splits of the training examples, given one test part"
            return text if self.per_draw == 1 else f"{text}, {start}"
        return "over starts and batches of one problem"


def estimand(account: Mapping, columns: Mapping) -> Estimand:
    """What a run's seeds draw.

    Args:
        account: of the run.
        columns: a row of it: records that are older than the account's `draw` say there which split or instance all
            seeds had.

    Returns:
        The estimand.
    """
    drawn = account.get("draw")
    if drawn is not None:
        overlap, configured = drawn["overlap"], account.get("configuration", {})
        return Estimand(
            drawn["of"],
            drawn["fixed"],
            math.nan if overlap is None else float(overlap),
            drawn.get("shuffled"),  # which accounts of before do not have
            int(configured.get("seeds_per_draw", 1)),
        )
    for draws, column in SEEDS.items():
        value = columns.get(column)
        if isinstance(value, (int, float)) and math.isfinite(value):
            return Estimand(draws, int(value))
    return Estimand()


def by_run(results: ResultSet) -> dict[str, Estimand]:
    """The estimand of every run.

    Args:
        results: of any runs.

    Returns:
        By the run's name.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    if results.rows.empty:
        return {}
    kept = ["run", *(column for column in SEEDS.values() if column in results.rows)]
    first = results.rows[kept].drop_duplicates("run").set_index("run").to_dict("index")
    return {run: estimand(account, first[run]) for run, account in results.runs().items() if run in first}


def sentence(texts: Iterable[str]) -> str:
    """What is said below a table or a figure.

    Args:
        texts: of the estimands that it shows.

    Returns:
        One sentence; "" of none.
    """
    different = list(dict.fromkeys(texts))
    return f"Estimand: {'; '.join(different)}." if different else ""


def by_task(results: ResultSet) -> str:
    """The same of a figure that shows several tasks.

    Args:
        results: of the runs that it shows.

    Returns:
        One sentence, which names the tasks where they differ; "" where nothing is recorded.

    Raises:
        RecordError: as ResultSet.runs does.
    """
    labels: dict[str, list[str]] = {}
    accounts = results.runs() if len(results.rows) else {}
    for run, own in by_run(results).items():
        label = accounts[run]["labels"].get("task", "")
        if label not in labels.setdefault(own.text, []):
            labels[own.text].append(label)
    if len(labels) < 2:
        return "".join(f"Estimand: {words}." for words in labels)
    clauses = [f"{', '.join(sorted(named))}: {words}" for words, named in labels.items()]
    return f"Estimand: {'; '.join(clauses)}."
