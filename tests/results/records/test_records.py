"""What schema and store promise: records are written whole or not at all, never overwritten, and found again."""

import errno
import inspect
import json
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from matplotlib.figure import Figure

import results
from results.drawing import style
from results.records import frozen, schema, sealed
from results.records.account import Account, needed_kinds
from results.records.place import DEFAULT
from results.records.plan import Plan, PlanFacts
from results.records.result_set import ResultSet
from results.records.store import Store
from runners import sweep
from runners.configuration.schema import CONF, Sweep
from runners.execution import worker
from steeplechase.errors import RecordError, StoreError, UserError
from tests.oracles.records import LOSS, make


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def part(seeds=2, **choices):
    """A made part: (run, fingerprint, table, account)."""
    made = make(tasks=("sign_fitting",), estimators=("ste",), seeds=seeds, **choices)
    account = made.accounts[0]
    return account["run"], account["fingerprint"], made.rows, account


def files(store):
    return {path: path.read_bytes() for path in sorted(store.root.rglob("*")) if path.is_file()}


def done(store, made):
    """(ids that are recorded, parts that are damaged)."""
    damaged = []
    return store.done(made[0], made[1], lambda path, fault: damaged.append((path, fault))), damaged


def only(store, pattern):
    (path,) = store.root.rglob(pattern)
    return path


# The schema


def test_every_column_is_defined_once_and_fully():
    groups = (schema.IDENTITY, schema.CLOCK, schema.MEASURES, schema.FIDELITY)
    assert len(schema.COLUMNS) == sum(map(len, groups))
    for name, column in schema.COLUMNS.items():
        assert (
            column.kind in ("text", "count", "number") and column.meaning and column.better in ("", "lower", "higher")
        )
        assert not name.startswith(schema.PREFIXES)
    assert all(column.unit for column in schema.MEASURES.values())


def test_check_sets_types_and_order():
    table = part()[2]
    mixed = table[list(table.columns[::-1])].astype({"seed": "float64", "run": object})
    out = schema.check(mixed, part()[3]["measures"])
    assert list(out.columns) == list(table.columns)
    pd.testing.assert_frame_equal(out, table, check_flags=False)


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda t: t.assign(los=1.0), "'los'"),
        (lambda t: t.assign(**{"estimater.scale": 1.0}), "'estimater.scale'"),
        (lambda t: t.drop(columns="gradient_norm"), "'gradient_norm'"),
        (lambda t: t.drop(columns="seed"), "'seed'"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "two rows at step 0"),
        (lambda t: t.assign(train_loss="much"), "'train_loss'"),
        (lambda t: t.assign(step=t.step + 0.5), "'step'"),
    ],
)
def test_check_refuses(change, says, store):
    run, fingerprint, table, account = part()
    with pytest.raises(RecordError, match=says):
        schema.check(change(table), account["measures"])
    with pytest.raises(RecordError, match=says):
        store.write(run, fingerprint, change(table), account)
    assert not files(store)


def test_a_measure_must_be_declared():
    table = part()[2]
    with pytest.raises(RecordError, match="wrong_signs"):
        schema.check(table, {})


def test_parameters_may_be_numbers_and_schedules(store):
    run, fingerprint, table, account = part(rates=(0.1,))
    schedule = '{"from": 0.1, "to": 1.0}'
    table["estimator.scale"] = [schedule if seed else 2.0 for seed in table["seed"]]
    store.write(run, fingerprint, table, account)
    assert results.load(store).rows["estimator.scale"].unique().tolist() == ["2.0", schedule]


def test_a_parameter_that_is_a_number_here_and_a_list_there_is_text(store):
    """Two tasks may have an argument of one name: a width, and a list of widths."""
    for task, hidden in (("parity", 16), ("stochastic_mlp", "[100]")):
        made = make(tasks={task: LOSS}, estimators=("ste",), seeds=1, rates=(0.1,), rows=2)
        table = made.rows.assign(**{"task.hidden": hidden})
        store.write(table["run"].iloc[0], "f" * 16, table, made.accounts[0])
    assert sorted(results.load(store).rows["task.hidden"].unique()) == ["16", "[100]"]


# Accounts


def test_an_account_has_every_key_and_no_other():
    known = {entry.name: None for entry in fields(Account)}
    assert vars(Account(**known)) == known
    with pytest.raises(TypeError, match="judge_seconds"):
        Account(**known, judge_seconds=0.1)
    with pytest.raises(TypeError, match="judge_s"):
        Account(**{name: of for name, of in known.items() if name != "judge_s"})


def test_what_is_read_of_an_account_is_checked_and_named():
    account = part()[3]
    assert set(account) <= {entry.name for entry in fields(Account)}
    kinds = needed_kinds()
    assert kinds.keys() <= account.keys() and kinds["target"] is list and kinds["train_s"] == (int, float)
    assert all(isinstance(account[name], kind) for name, kind in kinds.items())


# Parts


def test_what_is_written_is_found_again(store):
    made = part()
    store.write(*made)
    assert done(store, made) == (set(made[3]["replicas"]), [])
    back = results.load(store)
    pd.testing.assert_frame_equal(back.rows, made[2], check_flags=False)
    assert back.missing == {} and back.plan == PlanFacts()
    (account,) = back.accounts
    assert {key: account[key] for key in made[3]} == made[3]
    assert account["schema"] == schema.VERSION


def test_more_seeds_are_a_second_part(store):
    few, more = part(seeds=1), part(seeds=3)
    store.write(*few)
    rest = more[2][more[2]["seed"] > 0].reset_index(drop=True)
    account = {**more[3], "replicas": sorted(rest["replica"].unique())}
    store.write(more[0], more[1], rest, account)
    back = results.load(store)
    assert set(back.rows["replica"]) == set(more[3]["replicas"]) and len(back.accounts) == 2
    assert not back.rows.duplicated(["replica", "step"]).any()


def test_a_replica_that_two_parts_hold_is_read_once(store):
    store.write(*part(seeds=1))
    store.write(*part(seeds=2))
    back = results.load(store)
    assert back.rows["replica"].nunique() == 2 * 3 and not back.rows.duplicated(["replica", "step"]).any()


def test_a_second_write_overwrites_nothing(store):
    made = part()
    store.write(*made)
    before = files(store)
    store.write(*made)
    assert files(store) == before
    other = made[2].assign(train_loss=7.0)  # the same replicas, trained elsewhere at the same time
    store.write(made[0], made[1], other, made[3])
    assert {path: content for path, content in files(store).items() if path in before} == before
    assert results.load(store).rows["train_loss"].tolist() == made[2]["train_loss"].tolist()


@pytest.mark.parametrize(
    "damage",
    [
        lambda json_, _: json_.write_bytes(json_.read_bytes()[:100]),
        lambda json_, _: json_.write_bytes(b""),
        lambda json_, _: json_.write_bytes(b"\xff\xfe"),
        lambda json_, _: json_.write_text("[1, 2]", encoding="utf-8"),
        lambda json_, _: json_.write_text('{"table": "' + _.name + '"}', encoding="utf-8"),
        lambda json_, _: json_.write_text(
            json_.read_text(encoding="utf-8").replace('"block": ', '"block": 1'), encoding="utf-8"
        ),
        lambda _, table: flip(table),
        lambda _, table: table.write_bytes(table.read_bytes()[:-10]),
        lambda _, table: table.unlink(),
    ],
    ids=["cut JSON", "empty JSON", "no text", "a list", "no keys", "a digit", "byte flipped", "cut table", "no table"],
)
def test_damage_is_seen_said_and_mended(store, damage):
    made = part()
    store.write(*made)
    damage(only(store, "run-*.json"), only(store, "record-*.parquet"))
    with pytest.raises(RecordError, match="damaged"):
        results.load(store, plan(made))
    found, ((path, fault),) = done(store, made)
    assert not found and fault

    before = files(store)
    aside = store.set_aside(path)
    assert aside.exists() and not path.exists() and sorted(files(store).values()) == sorted(before.values())
    assert done(store, made) == (set(), []), "it no longer counts"
    store.write(*made)
    assert done(store, made) == (set(made[3]["replicas"]), [])
    assert set(before.values()) <= set(files(store).values()), "nothing was deleted"
    pd.testing.assert_frame_equal(results.load(store, plan(made)).rows, made[2], check_flags=False)


def flips(path, every):
    """Ways to flip one bit of this file, which is put right again at the end."""
    whole = path.read_bytes()
    for at in range(0, 8 * len(whole), every):
        content = bytearray(whole)
        content[at // 8] ^= 1 << at % 8
        path.write_bytes(content)
        yield
    path.write_bytes(whole)


@pytest.mark.parametrize("every", [37, pytest.param(1, marks=pytest.mark.long)])
def test_a_flipped_bit_of_a_plan_or_an_account_is_noticed_or_changes_nothing(store, every):
    """Of a plan, of what was declined, and of an account."""
    run, fingerprint, table, account = part(seeds=1, rates=(0.1,), rows=2)
    own = {"sources": {}, "labels": {"estimator": "x"}, "measures": account["measures"]}
    store.write(run, fingerprint, table, {**account, **own})
    store.write_unsupported(run, fingerprint, "it cannot be")
    store.write_plan(plan((run, fingerprint, table, account), margins={"sign_fitting": 0.01}))
    folder = store.folder(run, fingerprint)
    wanted, whole = store.plan("p"), [account for _, account, _ in store.parts(run, fingerprint)]
    noticed = 0
    for _ in flips(store.root / "plans" / "p" / "plan-000001.json", every):
        try:
            assert store.plan("p") == wanted
        except StoreError:
            noticed += 1
    for _ in flips(folder / "declined.json", every):
        told = []
        said = store.unsupported_reason(run, fingerprint, lambda path, fault, told=told: told.append(fault))
        assert (said == "it cannot be") is not bool(told)
        noticed += len(told)
    for _ in flips(only(store, "run-*.json"), every):
        [(_, found, fault)] = store.parts(run, fingerprint)
        assert found == whole[0] or (found is None and fault)
        noticed += found is None
    assert noticed > 10_000 / every


def test_a_file_of_somebody_else_is_found_by_what_it_says(store):
    """Whole, sealed, and in the wrong place: under another run, under other code, or for other sources."""
    made = part()
    store.write(*made)
    account, table = only(store, "run-*.json"), only(store, "record-*.parquet")
    for run, fingerprint in (("another", made[1]), (made[0], "0ther")):
        place = store.folder(run, fingerprint)
        place.mkdir(parents=True)
        for path in (account, table):
            (place / path.name).write_bytes(path.read_bytes())
        told = []
        assert store.done(run, fingerprint, lambda *fault, told=told: told.append(fault)) == set()
        [(path, fault)] = told
        assert path == place / account.name and "belongs to another" in fault
        with pytest.raises(RecordError, match="belongs to another"):
            results.load(store, plan((run, fingerprint, *made[2:])))
        with pytest.raises(RecordError, match="belongs to another"):
            results.load(store)
        store.write(run, fingerprint, made[2], {**made[3], "run": run, "fingerprint": fingerprint})
        assert store.done(run, fingerprint, pytest.fail) == set(made[3]["replicas"]), "it lay in the way"
        assert list(place.glob("damaged-0-run-*.json"))
    told = []
    assert store.done(*made[:2], lambda *fault: told.append(fault), {"tasks/x.py": "1"}) == set()
    assert "by other sources" in told[0][1]
    with pytest.raises(RecordError, match="by other sources"):
        results.load(store, plan(made, sources={"tasks/x.py": "1"}))


def test_what_was_declined_elsewhere_or_by_nobody_is_found_out_again(store):
    made, told = part(), []
    store.write_unsupported(made[0], "0ther", "never")
    place = store.folder(*made[:2])
    place.mkdir(parents=True)
    for content in (b'{"reason": "never"}', (store.folder(made[0], "0ther") / "declined.json").read_bytes()):
        (place / "declined.json").write_bytes(content)
        assert store.unsupported_reason(*made[:2], lambda *fault: told.append(fault)) == ""
        store.write_unsupported(*made[:2], "its slope has no area")
        assert store.unsupported_reason(*made[:2], pytest.fail) == "its slope has no area"
    assert "carries no seal" in told[0][1] and "belongs to another fingerprint" in told[1][1]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("kind", ["run-", "record-", "plan-", "declined"])
def test_what_cannot_be_read_now_is_an_error_that_touches_nothing(store, monkeypatch, number, kind):
    """Whether it is another user's file, or the disk's or the network's fault: none of it is damage."""
    made = part()
    store.write(*made)
    store.write_unsupported(*made[:2], "it cannot be")
    store.write_plan(plan(made))
    before, plain = files(store), os.open

    def fails(path, flags, *more, **others):
        if str(path).rpartition("/")[2].startswith(kind) and not flags & os.O_WRONLY:
            raise OSError(number, os.strerror(number), str(path))
        return plain(path, flags, *more, **others)

    actions = {
        "run-": [lambda: done(store, made), lambda: results.load(store, plan(made)), lambda: results.load(store)],
        "record-": [lambda: done(store, made), lambda: results.load(store, plan(made)), lambda: store.write(*made)],
        "plan-": [lambda: store.plan("p"), lambda: results.load(store, "p")],
        "declined": [lambda: store.unsupported_reason(*made[:2])],
    }
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fails)
        for action in actions[kind]:
            with pytest.raises(StoreError, match=f"cannot be read: {os.strerror(number)}"):
                action()
    assert files(store) == before


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_every_file_has_the_mode_that_the_user_asked_for(store, umask):
    made, before = part(), os.umask(umask)
    try:
        store.write(*made)
        store.write_unsupported(made[0], "f", "it cannot be")
        store.write_plan(plan(made))
        store.checkpoint(*made[:2], ["a"], 1, pytest.fail).save({"x": np.zeros(2)})
        about = {"name": "p", "command": "c", "figures": [], "tables": []}
        frozen.write(results.load(store, plan(made)), about, store.root / "frozen")
        style.save(Figure(), store.root / "output", "empty")
    finally:
        os.umask(before)
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in files(store)}
    assert sorted(modes) == [".json", ".npz", ".parquet", ".pdf", ".png", ".svg"]
    assert set(modes.values()) == {0o666 & ~umask}


@pytest.mark.parametrize("other", [schema.VERSION - 1, schema.VERSION + 1], ids=["older", "newer"])
def test_another_version_is_refused_with_both_and_not_called_damaged(store, monkeypatch, other):
    made = part()
    with monkeypatch.context() as patch:
        patch.setattr(schema, "VERSION", other)
        store.write(*made)
        store.write_plan(plan(made))
        store.write_unsupported(made[0], "f", "it cannot be")
    before, both = files(store), rf"version {other}, .*version {schema.VERSION}"
    for action in (
        lambda: done(store, made),
        lambda: results.load(store),
        lambda: results.load(store, plan(made)),
        lambda: store.write(*made),
        lambda: store.plan("p"),
        lambda: store.unsupported_reason(made[0], "f"),
    ):
        with pytest.raises(StoreError, match=both):
            action()
    assert files(store) == before


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_setting_aside_never_overwrites(store):
    made = part()
    for _ in range(3):
        store.write(*made)
        store.set_aside(only(store, "run-*.json"))
    assert len(list(store.root.rglob("damaged-*-run-*.json"))) == 3


def test_half_written_files_do_not_count(store):
    made = part()
    folder = store.folder(*made[:2])
    folder.mkdir(parents=True)
    (folder / ".writing-abc").write_bytes(b"{")
    (folder / "record-0123456789abcdef.parquet").write_bytes(b"PAR1")
    assert done(store, made) == (set(), [])
    nothing = results.load(store)
    assert nothing.rows.empty and not nothing.accounts and not nothing.missing
    store.write(*made)
    assert len(results.load(store).rows) == len(made[2])


@pytest.mark.parametrize("call", ["fsync", "link"])
@pytest.mark.parametrize("which", [1, 2])
def test_a_full_disk_leaves_no_record(store, monkeypatch, call, which):
    """The first call that fails belongs to the table, the second one to it or to its account."""
    made, calls, plain = part(), [], getattr(os, call)

    def fails(*arguments, **more):
        calls.append(arguments)
        if len(calls) >= which:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return plain(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fails)
        with pytest.raises(StoreError, match=f"to the store {store.root}: No space left"):
            store.write(*made)
    assert len(calls) >= which
    assert done(store, made) == (set(), []) and results.load(store).rows.empty
    assert not list(store.root.rglob(".writing-*")), "no litter"
    store.write(*made)
    assert len(results.load(store).rows) == len(made[2])


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    store, made = Store(tmp_path / "file" / "store"), part()
    for action in (store.make_writable, lambda: store.write(*made), lambda: store.write_plan(plan(made))):
        with pytest.raises(StoreError, match="cannot be written|could not be written"):
            action()
    assert done(store, made) == (set(), []) and store.plans() == []
    with pytest.raises(UserError, match="there is no store"):
        results.load(store)


def test_a_store_is_made_where_there_is_none(store):
    with pytest.raises(UserError, match="there is no store"):
        results.load(store)
    assert not store.root.exists(), "reading makes nothing"
    store.make_writable()
    assert (store.root / "runs").is_dir() and not files(store) and results.load(store).rows.empty


# Fingerprints and plans


def plan(made, fingerprint=None, replicas=None, sources=None, **more):
    run = {"run": made[0], "fingerprint": fingerprint or made[1], "sources": sources or {}, "configuration": {}}
    run["replicas"] = list(made[3]["replicas"] if replicas is None else replicas)
    return Plan(**{"name": "p", "command": "c", "written": "2026-01-01T00:00:00+00:00", "runs": (run,), **more})


def test_stale_fingerprints_are_not_read(store):
    made = part()
    old = made[2].assign(train_loss=9.0)
    store.write(made[0], "0ld", old, {**made[3], "fingerprint": "0ld", "ended": "2020-01-01"})
    assert done(store, made) == (set(), [])
    asked = results.load(store, plan(made))
    assert asked.rows.empty and asked.missing == {made[0]: len(made[3]["replicas"])}
    store.write(*made)
    for back in (results.load(store, plan(made)), results.load(store)):
        assert back.rows["train_loss"].tolist() == made[2]["train_loss"].tolist()
        assert [account["fingerprint"] for account in back.accounts] == [made[1]]
    assert list(store.stale(made[0], made[1])) == ["0ld"] and list(store.stale(made[0], "")) == ["0ld", made[1]]


def test_a_plan_wants_what_it_names_and_counts_what_is_missing(store):
    made = part(seeds=2)
    store.write(*made)
    ids = made[3]["replicas"]
    back = results.load(store, plan(made, replicas=[*ids[:2], "unknown"]))
    assert set(back.rows["replica"]) == set(ids[:2]) and back.missing == {made[0]: 1}


def test_what_a_plan_declared_stands_in_fields(store):
    made = part()
    words = {"task": "t", "estimator": "e", "optimizer": "o", "normalize": "area"}
    refused = {**words, "run": "r", "reason": "e cannot be normalised by area: its area is inf."}
    store.write(*made)
    declared = plan(made, reference="ste", margins={"sign_fitting": 0.5}, strict=True, declined=(refused,))
    store.write_plan(replace(declared, runs=({**declared.runs[0], "default_rate": 0.1},)))
    facts = results.load(store, "p").plan
    assert (facts.reference, facts.margins, facts.strict) == ("ste", {"sign_fitting": 0.5}, True)
    assert facts.default_rates == {made[0]: 0.1}
    [pair] = facts.unsupported
    assert pair.reason == refused["reason"] and pair.cause == "its area is inf" and pair.written() == refused


def test_a_plan_keeps_looks_and_whose_methods_they_are_and_an_older_one_has_none(store):
    made = part()
    store.write(*made)
    given = {"ste": {"colour": "red", "order": 1}}
    store.write_plan(plan(made, looks=given, user_estimators=("mine",)))
    facts = results.load(store, "p").plan
    assert (facts.looks, facts.user_estimators) == (given, ("mine",)) and store.plan("p").looks == given
    [path] = (store.root / "plans" / "p").glob("*.json")
    older = sealed.parsed(path.read_bytes(), schema.VERSION, "it")
    older = {key: value for key, value in older.items() if key not in ("looks", "user_estimators", "seal")}
    path.write_bytes(sealed.text(older))
    facts = results.load(store, "p").plan
    assert (facts.looks, facts.user_estimators) == ({}, ())


def test_who_takes_a_result_set_for_a_data_frame_is_told_where_that_is(store):
    store.write(*part())
    back = results.load(store)
    for wrong in (lambda: back["seed"], lambda: list(back)):
        with pytest.raises(TypeError, match=r"its data frame is in \.rows"):
            wrong()
    for word in ("groupby", "attrs", "train_loss"):
        with pytest.raises(AttributeError, match=rf"has no '{word}'; its data frame is in \.rows"):
            getattr(back, word)
    assert pickle.loads(pickle.dumps(back)).rows.equals(back.rows)


def test_rows_of_whatever_numbers_are_numbered_anew(store):
    store.write(*part())
    back = results.load(store)
    last = back.with_rows(back.rows[back.rows["step"] == back.rows["step"].max()].iloc[::-1])
    assert last.rows.index.tolist() == list(range(len(last.rows))) and last.accounts == back.accounts
    pd.testing.assert_frame_equal(last.final_rows(), back.final_rows())


def test_the_newest_plan_of_a_name_counts(store):
    made = part()
    older, newer = plan(made, written="2037-01-01T00:00:00+00:00"), plan(made, replicas=made[3]["replicas"][:1])
    for one in (older, newer, newer):  # by their order, whatever a clock said
        store.write_plan(one)
    assert store.plan("p") == newer and store.plans() == ["p"] and newer.replicas == 1
    assert len(files(store)) == 2
    store.write(*made)
    assert results.load(store, "p").rows["replica"].nunique() == 1
    with pytest.raises(StoreError, match="no plan 'q'.*known are: p"):
        store.plan("q")


def test_a_damaged_plan_says_so(store):
    store.write_plan(plan(part()))
    only(store, "*.json").write_text(json.dumps({"name": "p"}), encoding="utf-8")
    with pytest.raises(StoreError, match="cannot be used: it was damaged.*carries no seal"):
        store.plan("p")


def test_plans_that_are_made_at_the_same_time_are_all_kept(store):
    """In any order, none over another; and nobody's command ends for it."""
    made, start = part(), threading.Barrier(8)
    planned = [plan(made, command=f"c{i}") for i in range(8)]

    def write(one):
        start.wait()
        store.write_plan(one)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, planned))
    paths = sorted((store.root / "plans" / "p").iterdir())
    assert [path.name for path in paths] == [f"plan-{i:06d}.json" for i in range(1, 9)]
    assert {json.loads(path.read_bytes())["command"] for path in paths} == {one.command for one in planned}
    assert store.plan("p") in planned


def test_a_name_never_leads_out_of_the_store(store, tmp_path):
    made = part()
    (tmp_path / "x").mkdir()
    for name in ("../x", "../../x", "a/b", ".", "..", "", "a\0b", "[red]", "a" * 201, 7, None):
        for action in (
            lambda name=name: store.write_plan(plan(made, name=name)),
            lambda name=name: store.plan(name),
            lambda name=name: store.write(name, *made[1:]),
            lambda name=name: store.write(made[0], name, *made[2:]),
            lambda name=name: store.write_unsupported(name, made[1], "x"),
            lambda name=name: store.stale(name, made[1]),
            lambda name=name: store.write_plan(plan((name, *made[1:]))),
            lambda name=name: frozen.write(
                ResultSet(made[2], (made[3],)), {"name": name, "command": "", "figures": [], "tables": []}, tmp_path
            ),
        ):
            with pytest.raises(StoreError, match="cannot be the name of a|something else as its runs.run"):
                action()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]


def test_there_is_one_default_and_it_is_made_absolute_once(tmp_path, monkeypatch):
    """What commands write without `store` is what `load` reads without one; a process that changes its folder, as a job
    of Hydra does, stays at its store."""
    assert Sweep().store == DEFAULT == inspect.signature(results.load).parameters["store"].default
    monkeypatch.chdir(tmp_path)
    store, made = Store(Sweep().store), part()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.write(*made)
    assert store.root == tmp_path / "results" and not list((tmp_path / "elsewhere").iterdir())
    with pytest.raises(UserError, match="there is no store results"):
        results.load()
    monkeypatch.chdir(tmp_path)
    assert len(results.load().rows) == len(made[2])


def test_a_job_in_a_folder_of_its_own_has_the_commands_store(tmp_path, monkeypatch):
    """hydra.job.chdir=true: neither STORE/runs/STORE nor data that is not found."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("config", ["task=sign_fitting", "~experiment", "store=here"])
    seen = []
    monkeypatch.setattr(sweep, "get_original_cwd", lambda: str(tmp_path))
    monkeypatch.setattr(worker, "train", lambda run, bar: seen.append((run.store, os.getcwd())))
    (tmp_path / "here" / "runs").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "runs")
    sweep.main.__wrapped__(cfg)
    assert seen == [(str(tmp_path / "here"), str(tmp_path))] and os.getcwd() == str(tmp_path / "here" / "runs")


# Kept states


def test_a_kept_state_is_resumed_by_the_block_that_it_is_of_and_by_no_other(store):
    """Of the same name, in the same place: of another run, other code, other replicas or another size, or damaged."""
    told, arrays = [], {"x": np.arange(3.0), "y": np.array(1)}

    def kept(run="r", fingerprint="f", replicas=("a", "b"), block=4):
        return store.checkpoint(run, fingerprint, replicas, block, told.append)

    mine = kept()
    assert mine.load() is None and not told
    mine.save(arrays)
    found = kept()
    back = found.load()
    assert found.resumed and back.keys() == arrays.keys() and all((back[k] == arrays[k]).all() for k in arrays)
    content = mine.path.read_bytes()
    for other, words in (
        (kept(run="other"), "its run: 'other' instead of 'r'"),
        (kept(fingerprint="0ther"), "its fingerprint"),
        (kept(replicas=("a", "c")), "its replicas: others"),
        (kept(block=2), "its block: 2 instead of 4"),
    ):
        other.save(arrays)
        moved = other.path.read_bytes()
        other.discard()
        mine.path.write_bytes(moved)
        again = kept()
        assert again.load() is None and not again.resumed and words in told[-1]
        assert not mine.path.exists() and "set aside as damaged-" in told[-1]
    for spoilt in (b"", content[:-10], content[:10], content.replace(b"NUMPY", b"NUMPI"), content.split(b"\n", 1)[1]):
        mine.path.write_bytes(spoilt)
        assert kept().load() is None and "was damaged" in told[-1]
    assert len(list(store.root.rglob("damaged-*-state-*.npz"))) == 9 == len(told)
    os.mkfifo(mine.path)
    with pytest.raises(StoreError, match="is no file"):
        kept().load()


def test_a_state_that_does_not_fit_names_the_store(store, monkeypatch):
    def fails(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sealed, "replace", fails)
    with pytest.raises(StoreError, match=f"{store.root}.*: No space left"):
        store.checkpoint("r", "f", ["a"], 1, pytest.fail).save({"x": np.zeros(1)})


def test_what_is_no_text_is_damage():
    """Half of a surrogate pair: JSON can say it, and no table, page or terminal can show it."""
    whole = sealed.text({"schema": 1, "name": "größe 😀"})
    assert sealed.parsed(whole, 1, "it")["name"] == "größe 😀"
    with pytest.raises(sealed.Damaged, match="half of a surrogate pair"):
        sealed.parsed(sealed.text({"schema": 1, "name": "\ud800"}), 1, "it")
