"""A run in one process: its blocks, in lanes or one by one, in a memory that is large enough or not."""

import json
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml

from estimators import registry
from estimators.surrogate import Surrogate
from results import load
from results.records import declared, sealed
from results.records.checkpoint import Checkpoint
from results.records.store import Store
from runners.configuration.resolution import resolve
from runners.configuration.schema import CONF
from runners.execution import block, training_run
from runners.execution.training_run import execute
from runners.planning import device
from runners.planning.identity import identify
from runners.training import programs
from steeplechase.errors import StoreError, UserError
from tests.helpers.configurations import BASE, changed

RATES = [0.01, {"from": 0.1, "to": 0.01, "shape": "log"}]
SIX = {"seed": [0, 1, 2], "optimizer__learning_rate": RATES, "block": 2, "steps": 20, "record_points": 2}
SIX["decay"] = "constant"


def trained(store, **changes) -> tuple[object, pd.DataFrame]:
    """The outcome of a run of six replicas, two of them with a schedule, and its records."""
    outcome = execute(changed(**SIX | {"store": str(store)} | changes), lambda *_: None)
    table = load(store).rows.drop(columns="train_s").sort_values(["replica", "step"], ignore_index=True)
    return outcome, table


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The records of that run, trained block after block."""
    return trained(tmp_path_factory.mktemp("plain"), parallel_blocks=1)[1]


def test_lanes_change_no_record(plain, tmp_path):
    told = []
    run = changed(
        seed=[0, 1, 2],
        optimizer__learning_rate=RATES,
        decay="constant",
        block=2,
        steps=20,
        record_points=2,
        store=str(tmp_path),
        parallel_blocks=3,
    )
    outcome = execute(run, lambda *progress: told.append(progress))
    assert not outcome.error and outcome.trained == 6
    results = load(tmp_path)
    assert 3 in {account["lanes"] for account in results.accounts}  # four blocks in three lanes
    table = results.rows.drop(columns="train_s").sort_values(["replica", "step"], ignore_index=True)
    pd.testing.assert_frame_equal(table, plain, check_exact=True)
    done = [progress[0] for progress in told]
    assert done == sorted(done) and done[-1] == told[-1][1] == 6 * 20


def test_a_constant_replica_is_the_same_beside_a_schedule_or_not(plain, tmp_path):
    _, alone = trained(tmp_path, optimizer__learning_rate=RATES[:1], seed=[1])
    same = plain[plain.replica.isin(alone.replica)].reset_index(drop=True)
    assert len(alone) == 3
    pd.testing.assert_frame_equal(alone, same[alone.columns], check_exact=True)


def test_what_is_too_much_for_the_memory_is_trained_in_smaller_blocks(plain, monkeypatch, tmp_path):
    real, sizes = block.train, []

    def train(trainer, *rest):
        sizes.append(trainer.program.block)
        if trainer.program.block > 2:
            raise tf.errors.ResourceExhaustedError(None, None, "Out of memory while trying to allocate")
        return real(trainer, *rest)

    monkeypatch.setattr(block, "train", train)
    outcome, table = trained(tmp_path, block=8, parallel_blocks=1)
    assert not outcome.error and outcome.trained == 6
    assert sizes == [8, 4, 2, 2, 2, 2] and set(table.block) == {2}
    assert ["8 replicas" in remark or "4 replicas" in remark for remark in outcome.remarks] == [True, True]
    keys = ["seed", "learning_rate", "step"]  # not the name: a block that was asked for is part of it
    columns = [*keys, "train_loss", "test_loss", "gradient_norm"]
    one, other = (t[columns].sort_values(keys, ignore_index=True) for t in (table, plain))
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_state_is_saved_between_two_rows_too_and_taken_up_there(monkeypatch, tmp_path):
    """One row after a start, and a state every moment: a training that was killed goes on from the middle."""
    kinds = {"seed": [0, 1], "steps": 40000, "record_points": 1, "optimizer__learning_rate": RATES[:1]}
    monkeypatch.setattr(block, "SHARE", 1.0)
    whole = trained(tmp_path / "whole", **kinds)[1]
    saved, save = [], Checkpoint.save

    def counted(self, arrays):
        save(self, arrays)
        saved.append(int(arrays["state/step"]))
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", counted)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", checkpoint=1e-6, **kinds)
    assert 0 < saved[0] < saved[1] < 40000
    outcome, table = trained(tmp_path / "killed", checkpoint=60.0, **kinds)
    assert outcome.resumed == 2
    pd.testing.assert_frame_equal(table, whole, check_exact=True)


def test_saving_costs_no_more_than_its_share():
    """Ten seconds of training at first; after half a second of saving as many as make it the share."""
    saving = block.Saving(10.0)
    assert saving.next_step(0, 10**6) == block.FIRST
    saving.trained(block.FIRST, 2.0)
    assert not saving.due and saving.next_step(200, 10**6) == 200 + 800
    saving.trained(800, 8.0)
    assert saving.due
    saving.save(lambda: time.sleep(0.5))
    saving.trained(2000, 20.0)
    assert not saving.due and saving.next_step(3000, 3100) == 3100
    saving.trained(700, 7.0)
    assert saving.due


def test_what_a_tasks_data_may_not_mean_is_remarked_on(monkeypatch, tmp_path):
    def train(*_):
        raise OSError("nothing is trained")

    monkeypatch.setattr(block, "train", train)
    np.savez(tmp_path / "own.npz", x=np.zeros((60, 3), np.uint8), y=np.arange(60) % 5 + 1)
    task = yaml.safe_load((CONF / "task/binarized_mlp.yaml").read_text(encoding="utf-8")) | {"hidden": [4], "batch": 8}
    task["data"] = str(tmp_path / "own.npz")
    outcome = execute(changed(task=task, steps=5, record_points=1, store=str(tmp_path)), lambda *_: None)
    assert outcome.error == "nothing is trained" and [
        "no example to train on (0)" in remark for remark in outcome.remarks
    ] == [True]


@pytest.mark.parametrize(
    ("size", "tried", "said"), [(1, [1], "one replica alone"), (3, [3, 2], "block=1"), (8, [8, 4, 2], "block=1")]
)
def test_what_is_too_much_in_any_size_is_told(size, tried, said, monkeypatch, tmp_path):
    sizes = []

    def train(trainer, *_):
        sizes.append(trainer.program.block)
        raise tf.errors.ResourceExhaustedError(None, None, "Out of memory while trying to allocate")

    monkeypatch.setattr(block, "train", train)
    outcome = execute(changed(store=str(tmp_path), block=size, parallel_blocks=1), lambda *_: None)
    assert said in outcome.error and sizes == tried


def test_a_state_is_resumed_where_it_belongs_and_set_aside_elsewhere(monkeypatch, tmp_path):
    """The state of another estimator, of other code, of another block, or damaged, where this block's is looked for."""
    run = changed(store=str(tmp_path), seed=[0], steps=20, record_points=2, checkpoint=0.0)
    wanted = identify(run)
    other = identify(changed(store=str(tmp_path), seed=[0], steps=20, record_points=2, estimator={"name": "ste"}))

    def full(*_):
        raise StoreError("full")

    states = {}
    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", full)
        for one in (wanted, other):
            assert execute(replace(one.run, checkpoint=0.0), lambda *_: None).error == "full"
            [states[one.name]] = (path for path in tmp_path.rglob("state-*.npz") if one.name in str(path))
    mine = states[wanted.name]
    whole, theirs = mine.read_bytes(), states[other.name].read_bytes()
    header, _, arrays = whole.partition(b"\n")
    old = b"PK" + arrays[2:]  # as a version before had it, that believed whatever lay here

    def ends(content):
        for path in (*mine.parent.glob("run-*"), *mine.parent.glob("record-*")):
            path.unlink()
        mine.write_bytes(content)
        outcome = execute(run, lambda *_: None)
        assert not outcome.error and outcome.trained == 1 and not mine.exists()
        return outcome, load(tmp_path).rows.drop(columns="train_s")

    outcome, wanted_rows = ends(whole)
    assert outcome.resumed == 1 and not outcome.remarks
    for content, words in (
        (theirs, f"it is the state of another block (its run: '{other.name}'"),
        (sealed.text({**json.loads(header), "fingerprint": "0ther"}, indent=None) + b"\n" + arrays, "its fingerprint"),
        (sealed.text({**json.loads(header), "block": 3}, indent=None) + b"\n" + arrays, "its block: 3 instead of"),
        (whole[:-100] + bytes(100), "it was damaged (its arrays"),
        (old, "it was damaged"),
    ):
        outcome, rows = ends(content)
        assert outcome.resumed == 0 and len(outcome.remarks) == 1 and words in outcome.remarks[0], outcome.remarks
        assert "set aside as damaged-" in outcome.remarks[0]
        pd.testing.assert_frame_equal(rows, wanted_rows, check_exact=True)


def test_tf32_is_a_gpus_and_another_program():
    with pytest.raises(UserError, match="only a GPU has"):
        resolve(BASE | {"precision": "tf32"}, "cpu")
    one, other = (resolve(BASE | {"precision": kind}, "gpu") for kind in ("float32", "tf32"))
    assert one.program["precision"] != other.program["precision"]


def test_processes_of_a_launcher_take_the_gpus_in_turn(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    assert [device.share(place) for place in range(3)] == ["2", "5", "2"]
    for alone in ("3", "", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", alone)
        assert device.share(1) is None


def slopes_of(store, estimator, **changes):
    """What the account of a run with this estimator, in a store of its own, says of its slopes."""
    store = store / str(len(list(store.iterdir())))
    run = changed(**{"seed": [0], "steps": 4, "record_points": 1, "store": str(store)} | changes, estimator=estimator)
    outcome = execute(run, lambda *_: None)
    assert not outcome.error and not outcome.unsupported
    [account] = load(store).accounts
    return account["slopes"]


def test_a_claim_that_is_declared_while_a_run_trains_did_not_stand_before_it(tmp_path, monkeypatch):
    stood = iter([["first"], ["first", "second"]])
    monkeypatch.setattr(declared, "standing", lambda: next(stood))
    outcome = execute(changed(seed=[0, 1], block=1, steps=4, record_points=1, store=str(tmp_path)), lambda *_: None)
    assert not outcome.error
    assert [account["claims"] for account in load(tmp_path).accounts] == [["first"], ["first"]]


def test_an_account_knows_one_function_by_two_names(tmp_path):
    softsign = slopes_of(tmp_path, {"name": "softsign", "alpha": 2.0})
    assert set(softsign) == {"activations", "weights"} and len(set(softsign.values())) == 1
    assert slopes_of(tmp_path, {"name": "q_pseudo", "alpha": 2.0}) == softsign
    assert slopes_of(tmp_path, {"name": "softsign", "alpha": 2.5}) != softsign
    tanh = slopes_of(tmp_path, {"name": "tanh_slope", "scale": 1.0}, normalize="area")
    assert tanh == slopes_of(tmp_path, {"name": "sigmoid_derivative", "scale": 2.0}, normalize="area") != softsign
    own = slopes_of(tmp_path, {"name": "softsign", "alpha": 2.0}, estimator_weights={"name": "ste"})
    assert own["activations"] == softsign["activations"] != own["weights"]


@pytest.mark.parametrize(
    "alpha", [[1.0, 2.0], {"from": 1.0, "to": 2.0, "shape": "linear"}], ids=["several", "a schedule"]
)
def test_an_account_says_nothing_of_a_slope_that_is_not_one(tmp_path, alpha):
    assert slopes_of(tmp_path, {"name": "softsign", "alpha": alpha}) == {}


def test_slopes_that_are_random_are_the_same_as_no_other(tmp_path):
    assert slopes_of(tmp_path, {"name": "sso", **registry["sso"].parameters}) == {}


def test_a_page_for_one_precision_is_trained_without_a_digest():
    run = changed(seed=[0])
    _, program = programs.build(json.dumps(dict(run.program), sort_keys=True), 1)
    replicas = [programs.Replica(0, 0.1)]

    def single(x):
        return tf.cast(tf.constant(1.0) * tf.cast(x, tf.float32), tf.float32)

    page = Surrogate(name="single", label="Single", rule=single, source="nobody")
    hard = replace(program.hard, activations=page, weights=page)
    assert set(training_run.slopes(program, replicas)) == {"activations", "weights"}
    assert training_run.slopes(replace(program, hard=hard), replicas) == {}
    bop = replace(program.hard, weights=None)
    assert set(training_run.slopes(replace(program, hard=bop), replicas)) == {"activations"}


def test_seeds_of_one_draw_are_recorded_as_that_and_served_for_no_other_design(tmp_path):
    """Beside the records of one seed a draw: seeds 0 and 1 meet draw 0, of which seed 0 alone met it before."""
    small = {"seed": [0, 1, 2, 3], "steps": 20, "record_points": 1, "store": str(tmp_path)}
    one, two = (execute(changed(**small, seeds_per_draw=k), lambda *_: None) for k in (1, 2))
    assert (one.trained, two.trained, two.recorded) == (4, 4, 0) and not one.error and not two.error
    assert execute(changed(**small, seeds_per_draw=2), lambda *_: None).recorded == 4
    rows = load(tmp_path).rows
    parted, plain = rows[rows["seeds_per_draw"].notna()], rows[rows["seeds_per_draw"].isna()]
    assert plain["draw"].isna().all() and set(parted["seeds_per_draw"]) == {2}
    assert (parted["draw"] == parted["seed"] // 2).all()
    last = {k: of[of["step"] == 20].set_index("seed") for k, of in ((1, plain), (2, parted))}
    measures = ["train_loss", "test_loss", "gradient_norm"]
    assert (last[1].loc[0, measures] == last[2].loc[0, measures]).all(), "the same seed met the same draw"
    for seed in (1, 2, 3):
        assert (last[1].loc[seed, measures] != last[2].loc[seed, measures]).any()
    assert last[2].loc[0, "train_loss"] != last[2].loc[1, "train_loss"], "two starts in one draw"
    assert rows["run"].nunique() == 2


def test_where_seeds_have_one_problem_there_are_no_draws():
    with pytest.raises(UserError, match="here all seeds meet one problem anyway: leave it at 1"):
        changed(seeds_per_draw=2, task__instance_seed=0)


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ([0, 1, 2], r"draw 1 has 1 of its seeds, 2 to 3: .* seed=range\(0,4\)"),
        ([3], r"draw 1 has 1 of its seeds, 2 to 3: .* seed=range\(2,4\)"),
        ([1, 2], "draw 0 has 1 of its seeds, 0 to 1"),
    ],
)
def test_every_draw_has_all_of_its_seeds(seeds, said):
    with pytest.raises(UserError, match=said):
        changed(seeds_per_draw=2, seed=seeds)
    assert len(changed(seeds_per_draw=2, seed=[6, 4, 5, 7]).replicas) == 4


def test_a_draw_beyond_the_subsets_is_refused():
    mlp = yaml.safe_load((CONF / "task/binarized_mlp.yaml").read_text(encoding="utf-8"))
    assert len(changed(task={**mlp, "subsets": 4}, seed=[0, 3]).replicas) == 2
    with pytest.raises(UserError, match="seed 4 meets draw 4, but the task has only 4 draws, for the seeds 0 to 3"):
        changed(task={**mlp, "subsets": 4}, seed=[0, 4])
    assert len(changed(task={**mlp, "subsets": 4}, seeds_per_draw=2, seed=[6, 7]).replicas) == 2
    with pytest.raises(UserError, match="seed 9 meets draw 4, but the task has only 4 draws, for the seeds 0 to 7"):
        changed(task={**mlp, "subsets": 4}, seeds_per_draw=2, seed=[8, 9])
