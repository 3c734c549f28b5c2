"""Made-up records of which several seeds met one draw of the problem."""

from dataclasses import replace

from results.records.result_set import ResultSet


def drawn(results: ResultSet, per_draw: int, runs: tuple[str, ...] = (), of: str = "instance") -> ResultSet:
    """The same results as if so many seeds had met each draw.

    Args:
        results: of seeds that each met a draw of their own.
        per_draw: how many seeds meet one draw.
        runs: which of them; all unless it is said.
        of: what is drawn.
    """
    rows = results.rows.copy()
    here = rows["run"].isin(runs or rows["run"].unique())
    rows["draw"] = (rows["seed"] // per_draw).astype("Int64").where(here)
    rows["seeds_per_draw"] = rows["seed"].mul(0).add(per_draw).astype("Int64").where(here)
    met = {"of": of, "fixed": None, "overlap": 0.0, "shuffled": 0 if of == "subset" else None}
    accounts = [
        {**account, "draw": met, "configuration": {**account["configuration"], "seeds_per_draw": per_draw}}
        for account in results.accounts
    ]
    return replace(results, rows=rows, accounts=tuple(accounts))
