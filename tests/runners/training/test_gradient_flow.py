"""What is recorded of each hard site over training: it is what the trace shows, and recording it changes nothing."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

import estimators
import tasks
from results import load
from results.analysis import gradient_flow
from results.records import schema
from runners.execution.training_run import execute
from runners.tracing import first_step
from runners.training.hard_sites import Hard
from runners.training.programs import Program, Replica
from runners.training.trainer import Trainer
from steeplechase.errors import RecordError
from tests.helpers.configurations import changed
from tests.oracles.records import make

RUN = {"seed": [0, 1], "steps": 20, "record_points": 2, "gradient_flow": True}


@pytest.mark.parametrize("weights", [pytest.param(name, marks=pytest.mark.long) for name in ("tanh_slope", None)])
def test_the_start_is_what_the_trace_shows(weights):
    """Against the first step that a trace shows, whose statistics are NumPy's, for the second replica of a block."""
    task = tasks.registry["binarized_mlp"](hidden=[8], batch=16)
    hard = Hard(estimators.registry["ste_clipped"], weights and estimators.registry[weights])
    trainer = Trainer(Program(task, hard, "SGD", (), (), 2, "float32", "cpu", sites=True))
    own = {"scale": 2.0} if weights else {}
    trainer.begin([Replica(seed, 0.1, {"clip": 0.5}, own) for seed in (3, 4)], steps=5)
    seen = trainer.evaluate()
    shown = first_step.first_step(task, hard, seed=4, activations={"clip": 0.5}, weights=own).set_index("site")
    for site, row in shown.drop(columns="elements").iterrows():
        for name, value in row.items():
            if np.isnan(value):
                assert f"site.{name}.{site}" not in seen
            else:
                found = seen[f"site.{name}.{site}"][1]
                assert found == pytest.approx(value, rel=2e-3, abs=1e-6), (site, name)
    assert {name.split(".", 2)[2] for name in seen if name.startswith("site.")} == set(shown.index)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    outcome = execute(changed(**RUN, store=str(store)), lambda *_: None)
    assert not outcome.error
    return load(store)


def test_recording_changes_no_training(recorded, tmp_path):
    """Bit for bit, but for who the replicas are: what is recorded is part of that."""
    execute(changed(**RUN | {"gradient_flow": False}, store=str(tmp_path)), lambda *_: None)
    plain = load(tmp_path).rows
    shared = [name for name in plain.columns if name not in ("run", "replica", "train_s")]
    keys = ["seed", "step"]
    one, other = (table[shared].sort_values(keys, ignore_index=True) for table in (recorded.rows, plain))
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert set(recorded.rows["replica"]).isdisjoint(plain["replica"])


def test_the_only_site_is_the_whole(recorded):
    table = gradient_flow.gradient_flow(recorded)
    assert list(table.columns[:9]) == [*gradient_flow.KEYS, "site"] and set(table.columns[9:]) == {*schema.SITES} - {
        *schema.FIDELITY
    }
    assert not table.duplicated(["replica", "step", "site"]).any()
    weights = table[table["site"].str.endswith("/weights")]
    for (replica, step), own in weights.groupby(["replica", "step"]):
        row = recorded.rows[(recorded.rows["replica"] == replica) & (recorded.rows["step"] == step)].iloc[0]
        assert own["site"].tolist() == ["x/weights"]  # sign fitting has no other parameters
        assert own["downstream_norm"].iloc[0] == pytest.approx(row["gradient_norm"], rel=1e-4)
        if step:
            assert own["flip_rate"].iloc[0] == pytest.approx(row["flip_rate"])
        assert own["saturation"].iloc[0] == pytest.approx(row["saturation"])
    assert (table["slope_q05"] <= table["slope_median"]).all() and (table["slope_median"] <= table["slope_q95"]).all()


def test_sites_are_a_program_of_their_own():
    task = tasks.registry["sign_fitting"](dim=4, mixing="identity", target=1.0)
    program = Program(
        task, Hard(estimators.registry["ste"], estimators.registry["ste"]), "SGD", (), (), 1, "float32", "cpu"
    )
    assert "sites" not in Trainer(program).functions
    assert "sites" in Trainer(dataclasses.replace(program, sites=True)).functions


def test_what_was_not_recorded_is_said():
    results = make()
    table = results.rows
    without = table.drop(columns=[name for name in table if name.startswith(schema.SITE)])
    with pytest.raises(RecordError, match="run the sweep with gradient_flow=true"):
        gradient_flow.gradient_flow(results.with_rows(without))
    for wrong in ("site.speed.x/weights", "site."):
        with pytest.raises(RecordError, match="neither in results/records/schema"):
            schema.check(table.assign(**{wrong: 1.0}), {"wrong_signs": {}})


def test_a_site_that_a_run_lacks_has_no_rows():
    results = make(tasks=("binarized_mlp", "sign_fitting"))
    table = results.rows
    gone = table["task"] == "sign_fitting"
    table.loc[gone, [name for name in table if name.endswith("layer1/activations")]] = np.nan
    found = gradient_flow.gradient_flow(results)
    sites = found.groupby("task")["site"].unique().map(list).to_dict()
    assert sites["sign_fitting"] == ["layer1/weights"] and len(sites["binarized_mlp"]) == 2
