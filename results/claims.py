"""Claims: sentences about results as data, each held against a frozen table: supported, refuted or undecided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from results import frozen, statistics, targets, verdicts, wording
from results.comparison import ANY
from results.schema import RecordError

FILE = Path(__file__).parent / "claims.yaml"
KINDS = ("better", "equivalent", "never")
KEYS = {
    "better": {"says", "table", "task", "optimizer", "better", "than"},
    "equivalent": {"says", "table", "task", "optimizer", "equivalent", "to"},
    "never": {"says", "table", "task", "optimizer", "never"},
}


@dataclass(frozen=True)
class Claim:
    """A sentence, what became of it, and the numbers that decided."""

    says: str
    verdict: str  # supported, refuted or undecided
    evidence: str


def evaluate(path: str | Path = FILE, folder: str | Path = frozen.FOLDER) -> list[Claim]:
    """Every claim of the file. A claim has the keys `says`, `table` (a frozen table's name), `task`, `optimizer` (or
    `best`: each with its best one) and one of

    better, than: estimators, of which the first has the better mean of the reported measure (verdicts.verdicts)
    equivalent, to: estimators, which differ by less than the table's margin
    never: an estimator, of which no seed reaches the task's target at its chosen setting

    Raises RecordError, naming the claim, for one that is no claim, or is about something that was not run.
    """
    try:
        claims = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
    except (OSError, yaml.YAMLError) as error:
        raise RecordError(f"the claims {path} cannot be read: {error}.") from None
    tables: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    found = []
    for number, claim in enumerate(claims, 1):
        kind = _kind(number, claim)
        if claim["table"] not in tables:
            table, _ = frozen.read(Path(folder) / f"{claim['table']}.parquet")
            tables[claim["table"]] = table, verdicts.verdicts(table)
        table, decided = tables[claim["table"]]
        try:
            word, evidence = _never(claim, table) if kind == "never" else _contrast(kind, claim, decided)
        except LookupError as error:
            raise RecordError(f"the claim “{claim['says']}” is about {error.args[0]}.") from None
        found.append(Claim(claim["says"], word, evidence))
    return found


def lines(claims: list[Claim]) -> Iterator[str]:
    """Each claim as a line of Markdown."""
    for claim in claims:
        yield f"- {claim.says} *{claim.verdict.capitalize()}:* {claim.evidence}"


def _kind(number: int, claim: Mapping) -> str:
    kinds = [kind for kind in KINDS if isinstance(claim, Mapping) and kind in claim]
    if len(kinds) != 1 or {*claim} != KEYS[kinds[0]]:
        forms = "; or ".join(", ".join(sorted(keys)) for keys in KEYS.values())
        raise RecordError(f"claim {number} needs exactly the keys {forms}.")
    return kinds[0]


def _contrast(kind: str, claim: Mapping, decided: pd.DataFrame) -> tuple[str, str]:
    own, other = claim[kind], claim["than" if kind == "better" else "to"]
    rows = decided[(decided["task"] == claim["task"]) & (decided["optimizer_label"] == _optimizer(claim))]
    straight = rows[(rows["estimator"] == own) & (rows["other_estimator"] == other)]
    turned = rows[(rows["estimator"] == other) & (rows["other_estimator"] == own)]
    if len(straight) + len(turned) != 1:
        raise LookupError(_not_run(claim, f"{own} against {other}", len(straight) + len(turned)))
    row = (straight if len(straight) else turned).iloc[0]
    word = row.verdict
    if len(turned):
        word = {"better": "worse", "worse": "better"}.get(word, word)
    sign = 1 if len(straight) else -1
    ends = sorted((sign * row.low, sign * row.high))
    gap = "unknown" if np.isnan(row.difference) else wording.aggregate(sign * row.difference, *ends, row.unit)
    evidence = f"{row.measure_label.lower()}, difference {gap}, {row.seeds} seeds, {_p(row)}."
    if word == "undecided":
        return "undecided", evidence
    return "supported" if word == kind else "refuted", evidence


def _never(claim: Mapping, table: pd.DataFrame) -> tuple[str, str]:
    settings = statistics.settings(table)
    own = settings[(settings["task"] == claim["task"]) & (settings["estimator"] == claim["never"])]
    if claim["optimizer"] != "best":
        own = own[own["optimizer_label"] == claim["optimizer"]]
    if own.empty:
        raise LookupError(_not_run(claim, claim["never"], 0))
    accounts, rows, steps = statistics.accounts(table), statistics.bare(table), []
    for one in own.itertuples():
        chosen = rows[rows["replica"].isin(one.replicas)]
        steps += targets.reached(chosen, accounts[one.run]).steps.tolist()
    got = int(np.isfinite(steps).sum())
    evidence = f"{got} of {len(steps)} trainings reached the target."
    return ("refuted" if got else "supported"), evidence


def _optimizer(claim: Mapping) -> str:
    return ANY if claim["optimizer"] == "best" else claim["optimizer"]


def _not_run(claim: Mapping, who: str, found: int) -> str:
    where = f"{who} on {claim['task']} with {claim['optimizer']}"
    return f"{where}, of which the table {claim['table']} has {'several' if found else 'nothing'}"


def _p(row) -> str:
    p, name = (row.p_margin, "p of more than the margin") if row.verdict == "equivalent" else (row.p, "p")
    return f"{name} {wording.p_value(p, 'unknown')} (Holm over {row.family})"
