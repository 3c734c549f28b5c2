"""Coverage: what was planned of each run, and what of it is recorded, diverged, missing or declined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from results.analysis import lookup
from results.records.result_set import ResultSet

KINDS = ("task", "optimizer", "estimator")
COLUMNS = {  # of coverage(): name and what it holds
    "task_label": "the task as it is printed; its name where nothing of the run is recorded",
    "optimizer_label": "the optimizer as it is printed",
    "method": "the estimator as it is printed, and in what the run differs from others",
    "run": "the run, as the store has it; empty where it was declined",
    "wanted": "replicas that were planned",
    "recorded": "replicas that are recorded",
    "diverged": "recorded replicas that diverged",
    "status": "complete, partial, missing or declined",
    "reason": "why it was declined",
}


def coverage(results: ResultSet, planned: Sequence[Mapping] = ()) -> pd.DataFrame:
    """What became of each run of the plan.

    Args:
        results: what is recorded of it.
        planned: the runs of the plan (Plan.runs); without it, what is recorded and known to be missing.

    Returns:
        One row per run, recorded or not, and one per unsupported pair (columns: COLUMNS).
    """
    rows, missing = [], results.missing
    if len(results.rows):
        named, last = lookup.run_labels(results), results.final_rows()
        lost = last["diverged"].notna() if "diverged" in last else pd.Series(False, last.index)
        counts = lost.groupby(last["run"]).agg(["sum", "size"])
        for one, method in zip(named.itertuples(), lookup.methods(named), strict=True):
            diverged, recorded = (int(number) for number in counts.loc[one.run])
            gone = missing.get(one.run, 0)
            status = "partial" if gone else "complete"
            labels = (one.task_label, one.optimizer_label, method, one.run)
            rows.append((*labels, recorded + gone, recorded, diverged, status, ""))
    known = {row[3] for row in rows}
    words = {run["run"]: run["configuration"] for run in planned}
    labels = _labels(results.accounts)
    for run, gone in missing.items():
        if run not in known:
            own = words.get(run)
            names = _names(labels, {kind: own[kind]["name"] for kind in KINDS}, own) if own else ["", "", run]
            rows.append((*names, run, gone, 0, 0, "missing", ""))
    for pair in results.plan.unsupported:
        rows.append((*_names(labels, vars(pair), vars(pair)), "", 0, 0, 0, "declined", pair.reason))
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values(["task_label", "optimizer_label", "method", "run"], ignore_index=True)


def provenance(results: ResultSet) -> pd.DataFrame:
    """One row per part of the records: its run, how many replicas, where it comes from and what it cost."""
    rows = [
        {
            "run": account["run"],
            "replicas": len(account["replicas"]),
            "commit": str(account.get("commit") or "unknown")[:12],
            "uncommitted changes": {True: "yes", False: "no"}.get(account.get("dirty"), "unknown"),
            "fingerprint": account["fingerprint"],
            "device": account["device"],
            "block": account["block"],
            "replica-steps/s": account["replica_steps_per_s"],
            "compile (s)": account["compile_s"],
            "train (s)": account["train_s"],
            "started": str(account["started"])[:19].replace("T", " "),
        }
        for account in results.accounts
    ]
    return pd.DataFrame(rows)


def _labels(accounts: Sequence[Mapping]) -> dict[tuple[str, str], str]:
    """What each name is printed as, by (kind, name)."""
    found = {}
    for account in accounts:
        configured = account.get("configuration", {})
        # A bound is called after itself, and not as the estimator of its name.
        other = account.get("bound") == "upper" or (account.get("bound") and configured.get("estimator_weights"))
        for kind, label in account["labels"].items():
            name = configured.get(kind)
            if isinstance(name, Mapping) and not (kind == "estimator" and other):
                found[kind, name["name"]] = label
    return found


def _names(labels: Mapping, named: Mapping[str, str], of: Mapping) -> list[str]:
    """Task, optimizer and method as they are printed, of what has these names and this `normalize`."""
    task, optimizer, estimator = (labels.get((kind, named[kind]), named[kind]) for kind in KINDS)
    scaled = of.get("normalize", "none")
    return [task, optimizer, estimator if scaled == "none" else f"{estimator} (normalize={scaled})"]
