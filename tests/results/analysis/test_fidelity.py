"""What was measured of fidelity: verdicts, aggregates over seeds, the table, and figures of it."""

import io

import numpy as np
import pytest
from rich.console import Console

from results import figures
from results.analysis.fidelity import fidelity
from results.records.result_set import ResultSet
from results.tables import TABLES
from steeplechase.errors import RecordError
from tests.oracles.records import MEASURED, make, measured

MADE = measured(make(tasks=["binarized_mlp"], rates=(0.5, 2.0)))


def test_verdicts_and_means_over_seeds():
    found = fidelity(MADE)
    assert len(found) == 3 * 2 * 5 and set(found["seeds"]) == {3}
    first = found[found["estimator"] == "sigmoid_derivative"]
    assert set(first["verdict"]) == {"biased"} and set(first["agreeing"]) == {3}
    np.testing.assert_allclose(first["bias"], np.sqrt(0.09 + 1e-6))
    half = 4.302652729749464 * 1e-6 / np.sqrt(3)  # t with 2 degrees of freedom
    np.testing.assert_allclose(first["bias_high"] - first["bias_square"], half, rtol=1e-6)
    assert set(found[found["estimator"] == "ste"]["verdict"]) == {"bias below δ"}
    at = found[found["estimator.scale"].astype(float) == 2.0]
    np.testing.assert_allclose(at["deviation"], np.sqrt(6.0))
    np.testing.assert_allclose(found["length"], 0.1 / 0.1)
    assert {"Straight-through (scale=2)", "Straight-through (scale=0.5)"} <= set(found["method"])


def test_the_table_says_what_a_bias_is_below_where_none_is_seen():
    out = io.StringIO()
    kind = TABLES["fidelity"]
    kind.show(*kind.find(MADE), Console(file=out, width=160))
    lines = [line for line in out.getvalue().splitlines() if "scale=2" in line]
    assert any("0.3 " in line and "biased (3/3)" in line for line in lines)
    unseen = fidelity(measured(make(tasks=["binarized_mlp"], seeds=1)))
    assert "< 0.008" in kind.parts(unseen.assign(seen=False)).__next__().printed.to_string()
    [part] = kind.parts(fidelity(measured(make(tasks=["binarized_mlp"]), smoothing=(0.1, 1.0))))
    assert list(part.printed.columns) == ["method", "step", "smoothing", "cosine", "length", "next step"]


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("figure", MEASURED)
def test_figures_of_what_was_measured_are_drawn(figure, columns):
    drawn = figures.drawn(figure, MADE, columns)
    drawn.draw_without_rendering()
    assert len(drawn.axes) == {"fidelity": 5, "knobs": 2, "next_step": 1, "policy": 2}[figure]
    if figure == "fidelity":  # an open marker for each bias that is not seen, here of none
        assert all(axes.get_xscale() == axes.get_yscale() == "log" for axes in drawn.axes)


def test_over_several_smoothings_directions_are_drawn():
    drawn = figures.drawn("fidelity", measured(make(tasks=["binarized_mlp"]), smoothing=(0.1, 1.0)))
    drawn.draw_without_rendering()
    assert all(axes.get_xlabel() == "σ of the smoothing" for axes in drawn.axes)


def test_each_reference_stands_in_its_own_row():
    smoothed = measured(make(tasks=["binarized_mlp"]), smoothing=(0.1, 1.0))
    smoothed.rows.loc[smoothed.rows["estimator"] == "ste", "fidelity.truth"] = "noise"
    drawn = figures.drawn("fidelity", smoothed)
    drawn.draw_without_rendering()
    assert {axes.get_xlabel() for axes in drawn.axes} >= {"σ of the smoothing", "scale of the noise"}


def test_what_the_next_step_does_is_a_share_of_the_loss():
    found = fidelity(MADE)
    np.testing.assert_allclose(found["next_step"], -0.0105)  # of 2: 0.02, 0.021 and 0.022
    kind = TABLES["fidelity"]
    [part] = kind.parts(found)
    assert set(part.printed["next step"]) == {"-1.1% [-1.2%, -0.9%]"}
    without = MADE.rows.drop(columns=["full_loss", "step_change"])
    with pytest.raises(RecordError, match="no step was taken"):
        figures.drawn("next_step", ResultSet(without, MADE.accounts, {}, MADE.plan))


def test_where_nothing_was_measured_it_is_said():
    with pytest.raises(RecordError, match="fidelity.calls says how many"):
        fidelity(make())
    with pytest.raises(RecordError, match="lacks 1 replica"):
        fidelity(ResultSet(MADE.rows, MADE.accounts, {"a": 1}, MADE.plan))
    alone = measured(make(tasks=["binarized_mlp"], rates=(1.0,)))
    with pytest.raises(RecordError, match="no number of an estimator differs"):
        figures.drawn("knobs", alone)
