"""The ledger: every claim that was ever declared, and what became of it. No claim leaves it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from results import wording
from results.claims import UNTESTED, Claim
from results.records.declared import WITHDRAWN

ORDER = ("refuted", "undecided", WITHDRAWN, UNTESTED, "supported")
OLDER = {True: "yes", False: "no: exploratory", None: "not known"}
NULL = ("equivalent", "unbeaten")  # kinds that claim no difference, and stand before those that do


def counted(claims: Sequence[Claim]) -> str:
    """How many claims were declared, and how many have come to what, in one sentence.

    Args:
        claims: all of them.

    Returns:
        The worst outcomes first, and only those that there are.
    """
    counts = Counter(claim.verdict for claim in claims)
    told = [f"{counts[verdict]} {verdict}" for verdict in ORDER if counts[verdict]]
    return f"{wording.count(len(claims), 'claim')} declared: {', '.join(told)}."


def text(claims: Sequence[Claim]) -> str:
    """The ledger's page.

    Args:
        claims: all of them, in the order of their file.

    Returns:
        Markdown: what is refuted, undecided or withdrawn first, and of what is supported what claims no difference.
    """
    ordered = sorted(claims, key=lambda claim: (ORDER.index(claim.verdict), claim.kind not in NULL))
    columns = pd.DataFrame(
        {
            "Claim": [claim.text for claim in ordered],
            "Table": [claim.table for claim in ordered],
            "Outcome": [claim.outcome for claim in ordered],
            "On its own table": [
                claim.explored or ("–" if claim.verdict in (WITHDRAWN, UNTESTED) else claim.verdict)
                for claim in ordered
            ],
            "Evidence": [claim.evidence for claim in ordered],
            "Older than what decides": [OLDER[claim.before] for claim in ordered],
        }
    )
    return (
        "# Claims, and what became of them\n\n"
        f"{counted(claims)} Made by `python -m runners.claims --write` from results/claims.yaml and the frozen tables. "
        "A claim that was changed or dropped stays here. What decides is the claim's own table, or draws that the "
        "table never met (`--fresh`); a claim is older if it stood when the first of those records was trained, which "
        f"records from before 2026-11-29 do not say.\n\n{wording.markdown_table(columns)}\n"
    )
