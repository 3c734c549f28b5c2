"""Claims of what survives: no verdict that one estimator turns."""

import numpy as np
import pytest
import yaml

from results import claims
from results.analysis import spread, surrogates
from results.records import frozen
from tests.oracles.records import make

NAMES = ("outlier", *(f"other_{at}" for at in range(7)))
PLAN = {"name": "race", "command": "a command", "figures": [], "tables": []}


def merit_of(before, after, shrunk):
    """The outlier's merit at the default rate and at the tuned one, and how much the others' differences shrink."""

    def merit(estimator, normalize, rate, seed):
        at, tuned = NAMES.index(estimator), rate == 0.01
        noise = 0.01 * np.random.default_rng([at, seed, int(1e4 * rate)]).normal()
        if estimator == "outlier" and before is not None:
            return (after if tuned else before) + noise
        return 1.6 + 0.05 * (tuned) + 0.08 * (at - 4) * (shrunk if tuned else 1) + noise

    return merit


def table(folder, **how):
    results = make(
        estimators=NAMES, tasks=["binarized_mlp"], seeds=6, rows=2, rates=(0.01, 0.1), merit=merit_of(**how),
        spread=0.002, reference="other_0", default_rate=0.1,
    )  # fmt: skip
    frozen.write(results, PLAN, folder)
    return results


def verdict(folder, limit):
    claim = {"says": "So it is.", "table": "race", "task": "binarized_mlp", "optimizer": "adam"}
    text = yaml.safe_dump([{**claim, "survives": "tuned", "less_than": limit}])
    (folder / "claims.yaml").write_text(text, encoding="utf-8")
    [found] = claims.evaluate(folder / "claims.yaml", folder)
    return found.verdict, found.evidence


@pytest.mark.parametrize(
    "how, by_all",
    [
        ({"before": 0.1, "after": 0.8, "shrunk": 1.0}, "supported"),  # broken to broken, and the others stay
        ({"before": 0.1, "after": 0.1, "shrunk": 0.4}, "refuted"),  # it stays, and the others come together
    ],
)
def test_a_verdict_that_one_estimator_turns_is_undecided_and_names_it(how, by_all, tmp_path):
    row = spread.spread(surrogates.rankings(table(tmp_path, **how))).rows.set_index("condition").loc["tuned"]
    given = row.share_high < 0.667 if by_all == "supported" else row.share_low > 0.667
    assert given, "by all estimators together, as claims were decided before"
    word, evidence = verdict(tmp_path, 0.667)
    low, high = (f"{100 * end:.0f} %" for end in (row.share_without_low, row.share_without_high))
    assert word == "undecided" and evidence.startswith(f"{100 * row.share_of_default:.0f} % [")
    assert f"without outlier {100 * row.share_without:.0f} % [{low}, {high}]: it rests on one estimator." in evidence


def test_where_nobody_differs_nothing_is_said_of_power(tmp_path):
    """All end alike with every seed: nothing is decided, and no smallest difference is named."""
    made = make(
        estimators=NAMES[:3], tasks=["binarized_mlp"], seeds=4, rows=2, merit=lambda *_: 2.0, spread=0.0,
        reference="outlier", default_rate=0.1,
    )  # fmt: skip
    frozen.write(made, PLAN, tmp_path)
    claim = {"says": "So it is.", "table": "race", "task": "binarized_mlp", "optimizer": "adam"}
    claim |= {"unbeaten": "outlier", "condition": "tuned", "margin": 0.01}
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([claim]), encoding="utf-8")
    [found] = claims.evaluate(tmp_path / "claims.yaml", tmp_path)
    assert found.verdict == "undecided"
    assert found.evidence.endswith(
        "none of their differences has a spread, so nothing tells what would have been found."
    )


def test_what_never_arrives_is_not_a_bound_of_the_same_name(tmp_path):
    """`zero` with another slope at weights trains the output layer, and a real network is one of any slope."""
    made = make(
        estimators=("zero", "hidden", "real"), tasks=["binarized_mlp"], seeds=3,
        bounds={"zero": "lower", "hidden": "lower", "real": "upper"}, merit=lambda e, *_: 0.1 if e == "zero" else 3.0,
    )  # fmt: skip
    rows = made.rows.replace({"estimator": {"hidden": "zero", "real": "zero"}})
    hidden = made.rows["estimator"] == "hidden"
    rows["estimator_weights"] = rows["estimator_weights"].mask(hidden, "ste").replace({"real": "zero"})
    frozen.write(made.with_rows(rows), PLAN, tmp_path)
    claim = {"says": "So it is.", "table": "race", "task": "binarized_mlp", "optimizer": "best", "never": "zero"}
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([claim]), encoding="utf-8")
    [found] = claims.evaluate(tmp_path / "claims.yaml", tmp_path)
    assert (found.verdict, found.evidence) == ("supported", "0 of 3 trainings reached the target.")


@pytest.mark.parametrize(
    "how, limit, word",
    [
        ({"before": None, "after": None, "shrunk": 0.3}, 0.667, "supported"),
        ({"before": None, "after": None, "shrunk": 1.0}, 0.5, "refuted"),
        ({"before": 0.1, "after": 1.2, "shrunk": 0.3}, 0.667, "supported"),  # with the outlier and without
    ],
)
def test_a_verdict_that_holds_without_any_one_stands(how, limit, word, tmp_path):
    row = spread.spread(surrogates.rankings(table(tmp_path, **how))).rows.set_index("condition").loc["tuned"]
    found, evidence = verdict(tmp_path, limit)
    assert found == word and "rests on one" not in evidence
    assert evidence.startswith(f"{100 * row.share_of_default:.0f} % [") and f", without {row.influential} " in evidence
