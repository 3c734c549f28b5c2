"""Compared numbers: each value is a method of its own, and validation chooses the rest within it."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy import stats

from results import figures, outputs
from results.analysis import compared, comparison, fairness, lookup, selection, verdicts
from results.analysis.same_functions import same_functions
from results.analysis.sensitivity import baselines, sensitivity
from results.drawing import layout
from results.figures.sensitivity import log_spaced
from results.records import frozen
from results.records.plan import PlanFacts
from steeplechase.errors import RecordError
from tests.oracles.records import declaring, make

SCALES = (1.0, 2.0, 8.0)
KEY = "estimator.tanh_slope.scale"


def swept(compare=(KEY,), scales=SCALES, **other):
    """Two estimators at two rates; one has a scale, which was swept beside the rate and has a best value of 2."""

    def merit(estimator, normalize, rate, seed):
        return 2 - abs(math.log10(rate) + 2) + 0.05 * math.sin(3 * seed)

    made = make(estimators=("ste", "tanh_slope"), rates=(0.01, 0.1), merit=merit, seeds=4, rows=3, **other)
    parts, accounts = [], list(made.accounts)
    for at, scale in enumerate(scales):
        own = made.rows[(made.rows["estimator"] == "tanh_slope") | (at == 0)].copy()
        tanh = own["estimator"] == "tanh_slope"
        own.loc[tanh, "estimator.scale"] = scale
        if at:
            own["replica"] += f"-{scale:g}" if not isinstance(scale, str) else scale
        worse = 0.0 if isinstance(scale, str) else 0.2 * abs(math.log2(scale / 2))
        for column in ("test_accuracy", "validation_accuracy"):
            if column in own:
                own.loc[tanh, column] -= worse
        parts.append(own)
    rows = pd.concat(parts, ignore_index=True)
    by_run = rows.drop_duplicates("replica").groupby("run")["replica"].apply(list)
    accounts = [account | {"replicas": by_run[account["run"]]} for account in accounts]
    whole = dataclasses.replace(made, rows=rows, accounts=tuple(accounts))
    rates = dict.fromkeys(rows["run"].unique(), 0.01)
    return declaring(whole, compare=tuple(compare), default_rates=rates)


@pytest.mark.parametrize("key", [KEY, "estimator.scale"])
def test_a_value_is_what_would_have_been_found_of_it_alone(key):
    results = swept([key])
    apart = compared.apart(results)
    settings = selection.chosen_settings(apart)
    tanh = settings[settings["estimator"] == "tanh_slope"]
    assert len(settings) == 2 * (len(SCALES) + 1)  # on each of two tasks
    assert set(lookup.methods(tanh)) == {f"Tanh slope (scale={scale:g})" for scale in SCALES}
    for scale in SCALES:
        alone = results.with_rows(results.rows[results.rows["estimator.scale"] == scale])
        expected = selection.chosen_settings(alone).set_index("task")
        own = tanh[tanh["variant"] == f"estimator.scale={scale:g}"].set_index("task")
        columns = ["learning_rate", "selected", "replicas", "parameters", "edge"]
        pd.testing.assert_frame_equal(own[columns], expected[columns])
    assert [m for g in comparison.groups(apart) for m in g.methods] == 2 * [
        "Straight-through",
        *(f"Tanh slope (scale={scale:g})" for scale in SCALES),
    ]


def test_nothing_else_changes():
    results = swept()
    apart = compared.apart(results)
    pd.testing.assert_frame_equal(apart.rows.drop(columns="run"), results.rows.drop(columns="run"))
    assert set(apart.rows["run"].str.partition("[")[0]) == set(results.rows["run"])
    pd.testing.assert_frame_equal(compared.apart(apart).rows, apart.rows)
    ids = [replica for account in apart.accounts for replica in account["replicas"]]
    assert sorted(ids) == sorted(results.rows["replica"].unique())
    for clock in compared.SECONDS:
        assert sum(a[clock] for a in apart.accounts) == pytest.approx(sum(a[clock] for a in results.accounts))
    assert set(apart.runs()) == set(apart.rows["run"]) == set(apart.plan.default_rates)
    plain = swept(())
    assert compared.apart(plain) is plain


def test_a_number_of_one_page_parts_no_other():
    """Here both estimators have a scale that was swept."""
    results = swept()
    both = results.with_rows(results.rows.assign(**{"estimator.scale": results.rows["estimator.scale"].fillna(3.0)}))
    runs = set(compared.apart(both).rows["run"])
    assert sum("tanh_slope" in run and "[" in run for run in runs) == 2 * len(SCALES)
    assert not any("-ste-" in run and "[" in run for run in runs)


def test_a_method_without_the_number_is_a_level():
    """As it is found beside the others, with its interval; it is not among the curves."""
    apart = compared.apart(swept())
    found = baselines(apart)
    assert set(found["method"]) == {"Straight-through"} and len(found) == 2 and set(found["key"]) == {"estimator.scale"}
    for row in found.itertuples():
        [group] = [
            g for g in comparison.groups(apart) if (g.task_label, g.optimizer) == (row.task_label, row.optimizer_label)
        ]
        own = group.values()[group.methods.index("Straight-through")]
        assert row.mean == pytest.approx(own.mean()) and row.low < row.mean < row.high
    assert set(sensitivity(apart)["method"]) == {"Tanh slope"}
    assert baselines(compared.apart(swept(["optimizer.learning_rate"]))).empty, "all have a rate"


def test_rates_may_be_compared_too():
    """Each is a method, although the function is one; and that they differ is no fault of the comparison."""
    results = swept(["optimizer.learning_rate"], scales=(1.0,), tasks=("binarized_mlp",))
    accounts = [account | {"slopes": {"activations": account["run"]}} for account in results.accounts]
    apart = compared.apart(dataclasses.replace(results, accounts=tuple(accounts)))
    assert set(lookup.run_labels(apart)["variant"]) == {"learning_rate=0.01", "learning_rate=0.1"}
    assert set(lookup.run_labels(swept(()))["variant"]) == {""}
    assert same_functions(apart) == [] and len(verdicts.verdicts(apart).rows) == 6  # pairs of four
    assert not [said for said in fairness.violations(apart) if "rates differ" in said]


def test_widths_may_be_compared_too():
    """They are no part of any page, and have no group in front."""
    results = swept((), tasks=("binarized_mlp",))
    wide = results.rows.rename(columns={"estimator.scale": "width"})
    apart = compared.apart(declaring(results.with_rows(wide), compare=("width",)))
    names = [f"Tanh slope (width={scale:g})" for scale in SCALES]
    assert [m for g in comparison.groups(apart) for m in g.methods] == ["Straight-through", *names]
    table = sensitivity(apart)
    assert list(table["method"]) == 3 * ["Tanh slope"] and list(table["value"]) == list(SCALES)
    assert [axes.get_xlabel() for axes in figures.drawn("sensitivity", apart).axes] == ["width"]


def test_an_estimators_own_width_is_told_apart_from_the_key():
    results = swept((), tasks=("binarized_mlp",))
    wide = results.rows.rename(columns={"estimator.scale": "estimator.width"})
    apart = compared.apart(declaring(results.with_rows(wide), compare=("estimator.tanh_slope.width",)))
    names = [f"Tanh slope (estimator.width={scale:g})" for scale in SCALES]
    assert [m for g in comparison.groups(apart) for m in g.methods] == ["Straight-through", *names]
    assert (
        lookup.short_names("estimator.width=2, width=1, estimator.widths=3") == "estimator.width=2, width=1, widths=3"
    )


def test_a_value_at_which_a_seed_diverged_is_marked():
    results = swept(tasks=("sign_fitting",))
    rows = results.rows.copy()
    lost = (rows["estimator.scale"] == 8.0) & (rows["step"] == rows["step"].max()) & (rows["seed"] == 1)
    account = results.accounts[0]
    rows.loc[lost, sorted({account["reports"], account["selects"]})] = math.inf
    rows["diverged"] = (
        rows["diverged"].astype("float64").where(~lost, 100.0) if "diverged" in rows else np.where(lost, 100.0, np.nan)
    )
    [axes] = figures.drawn("sensitivity", compared.apart(results.with_rows(rows))).axes
    [crosses] = [line for line in axes.lines if line.get_marker() == "x"]
    assert list(crosses.get_xdata()) == [8.0] and crosses.get_ydata()[0] == axes.get_ylim()[1]


def test_the_table_of_sensitivity_against_scipy():
    results = swept()
    table = sensitivity(compared.apart(results))
    assert list(table["value"]) == 2 * list(SCALES) and set(table["method"]) == {"Tanh slope"}
    last = results.final_rows()
    own = last[(last["task"] == "binarized_mlp") & (last["estimator.scale"] == 8.0)]
    best = own.groupby("learning_rate")["validation_accuracy"].mean().astype("float64").idxmax()
    values = own[own["learning_rate"] == best]["test_accuracy"].astype("float64")
    row = table[(table["value"] == 8.0) & table["task_label"].str.contains("MLP")].iloc[0]
    ends = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert (row["mean"], row["low"], row["high"]) == pytest.approx((values.mean(), *ends))


def test_two_numbers_have_a_row_of_panels_each_and_lines_for_the_other():
    results = swept([KEY, "optimizer.learning_rate"], tasks=("binarized_mlp",))
    table = sensitivity(compared.apart(results))
    assert set(table["key"]) == {"estimator.scale", "learning_rate"}
    at_rate = table[(table["key"] == "learning_rate")]
    assert set(at_rate["method"]) == {"Straight-through", *(f"Tanh slope (scale={scale:g})" for scale in SCALES)}
    figure = figures.drawn("sensitivity", compared.apart(results))
    assert [axes.get_xlabel() for axes in figure.axes] == ["scale", "learning_rate"]
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]


def test_a_schedule_is_a_category():
    schedule = '{"from": 0.1, "shape": "log", "to": 10}'
    results = swept(scales=("10.0", schedule, "2.0"), tasks=("binarized_mlp",))
    [axes] = figures.drawn("sensitivity", compared.apart(results)).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["2", "10", "0.1 → 10, log"]
    assert set(sensitivity(compared.apart(results))["method"]) == {"Tanh slope"}
    names = set(lookup.methods(lookup.run_labels(compared.apart(results))))
    assert "Tanh slope (scale=0.1 → 10, log)" in names


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ((1, 2, 4, 8), True),
        ((0.001, 0.01, 0.1), True),
        ((1, 2, 3, 4), False),
        ((0, 1, 10), False),
        ((1, 2), False),
        ((1, 10), True),
        ((5,), False),
    ],
)
def test_what_is_log_spaced(values, log):
    assert log_spaced(values) is log


def test_without_a_compared_number_there_is_no_sensitivity():
    with pytest.raises(RecordError, match=r"none is: add compare=\[KEY\]"):
        sensitivity(compared.apart(swept(())))


def test_a_frozen_table_keeps_what_is_compared_and_all_rows(tmp_path):
    results = swept()
    plan = {"name": "race", "command": "-", "figures": ["sensitivity"], "tables": ["summary"]}
    path = frozen.write(results, plan, tmp_path)
    again, *_ = outputs.thawed(path)
    assert again.plan.compare == (KEY,)
    pd.testing.assert_frame_equal(again.rows, results.rows)
    written, faults = outputs.make(Console(quiet=True), *outputs.thawed(path), tmp_path / "race", ["svg"])
    assert not faults and {"sensitivity.svg", "summary.csv"} <= {path.name for path in written}
    assert pd.read_csv(tmp_path / "race" / "summary.csv")["variant"].notna().sum() == 2 * len(SCALES)


def test_no_two_values_look_alike():
    """Nine variants have eight markers and four dashes: what has the same dashes has another shade; numbers stand by
    their size; a marker that is given is theirs."""
    names = [("tanh_slope", f"Tanh slope (scale={scale})") for scale in (10, 9, 8, 7, 6, 5, 4, 3, 0.5)]
    lines = layout.lines(names)
    assert len({(line.get_color(), line.get_linestyle()) for line in lines.values()}) == len(names)
    assert list(lines) == [text for _, text in reversed(names)]
    assert len({line.get_marker() for line in lines.values()}) == 8
    given = layout.lines(names, plan=PlanFacts(looks={"tanh_slope": {"marker": "d"}}))
    assert {line.get_marker() for line in given.values()} == {"d"}
