"""python -m runners.board: a small one is measured, confirmed and joined by a rule of one's own; mistakes are told."""

import pandas as pd
import pytest
import yaml

import estimators
from results.records import frozen
from results.records.store import Store
from runners import board as command
from runners.execution import board as boards
from runners.execution import confirmation
from runners.planning import chosen_settings
from steeplechase.errors import UserError
from tests.helpers.configurations import pages

PAGE = {"tuning": 2, "reported": 3, "races": ["board_round"], "rules": {"ste": "one", "gauss": "another"}}
SMALL = ("task=quantized_regression", "task.dim=3", "steps=20", "record_points=2", "optimizer.learning_rate=0.01,0.1")
OWN = '''"""A slope of one's own."""
import tensorflow as tf
from steeplechase import positive, surrogate


@surrogate(label="Mine", source="this test", area=1, peak=lambda width: 0.5 / width, needs={"width": positive},
           counterpart=lambda x, width: 0.5 * x / (width + tf.abs(x)))
def mine(x, *, width=0.25):
    """Replaces δ(x)  With width / (2 (width + |x|)²)  Needs width > 0; x: any shape."""
    return 0.5 * width / tf.square(width + tf.abs(x))
'''


def test_the_rules_of_a_board_are_those_of_its_races_and_have_as_many_settings_each():
    experiments = pages("experiment")
    for name in boards.names():
        board = boards.read(name)
        assert len(board.rules) <= 8 and all(board.rules.values())
        for race in board.races:
            page = experiments[race]
            page = page if "estimator" in page["hydra"]["sweeper"]["params"] else experiments[page["defaults"][0]]
            page = page if "estimator" in page["hydra"]["sweeper"]["params"] else experiments[page["defaults"][0]]
            assert sorted(page["hydra"]["sweeper"]["params"]["estimator"].split(",")) == sorted(board.rules)
    rates = [own for page in pages("optimizer").values() for own in page.get("board", {}).values()]
    for own in rates:
        assert len(own["ste"]) == 3 * len(own["others"]) == 15, "three widths, or as many rates"
        assert (own["ste"][0], own["ste"][-1]) == (own["others"][0], own["others"][-1])


def test_where_steps_are_learned_every_rule_has_the_half_widths_of_the_board():
    """What the experiment lists of each page's own parameter, by the book's half-width."""
    listed = pages("experiment")["board_round"]["hydra"]["sweeper"]["params"]
    board = boards.read("slopes")
    for name in set(board.rules) - {"ste"}:
        [word] = boards.widening_values(name, halves := board.half_widths["board_round"])
        key, values = word.split("=")
        own = [float(value) for value in str(listed[key]).split(",")]
        assert own == pytest.approx([float(value) for value in values.split(",")], rel=5e-3)
        parameter = key.split(".")[-1]
        reached = [estimators.find(name).half_width(**{parameter: value}) for value in own]
        assert reached == pytest.approx(halves, rel=5e-3)
    assert boards.widening_values("ste", [0.1]) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["slops"], "there is no board 'slops'; did you mean 'slopes'?"),
        (["seed=range(3)"], "seed is what a board says itself: leave it out."),
        (["--reported", "3"], "the board slopes is told by 16 draws: more can be had, and no fewer."),
    ],
)
def test_a_mistake_is_one_sentence(arguments, said, capsys):
    assert command.main([*arguments, "--design"]) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A board of two rules on one task, measured."""
    folder = tmp_path_factory.mktemp("board")
    (folder / "boards").mkdir()
    (folder / "boards" / "small.yaml").write_text(yaml.safe_dump(PAGE, sort_keys=False), encoding="utf-8")
    patch = pytest.MonkeyPatch()
    patch.setattr(boards, "FOLDER", folder / "boards")
    assert command.main(["small", "estimator=ste,gauss", *SMALL, "--store", str(folder / "store")]) == 0
    yield folder
    patch.undo()


@pytest.mark.long  # settings of a table, plans that are joined and frozen tables are each tried in the short form
def test_it_is_tuned_on_some_draws_and_told_by_others(small):
    store = Store(small / "store")
    plan = store.plan("board_small")
    assert plan.command == "python -m runners.board small"
    tuned, _ = frozen.read(small / "store" / "frozen" / "board_round_tuning.parquet")
    assert {*tuned.rows["seed"].unique()} == {0, 1}
    text = (small / "store" / "output" / "board_small" / "board.md").read_text(encoding="utf-8")
    assert "Ranks over 1 task" in text and "What to start from" in text
    reported = pd.read_csv(small / "store" / "output" / "board_small" / "board_tasks.csv")
    assert reported["draws"].tolist() == [3] and reported["methods"].tolist() == [2]
    for run in plan.runs:
        chosen = tuned.final_rows()
        chosen = chosen[chosen["estimator"] == run["configuration"]["estimator"]["name"]]
        assert len(run["replicas"]) == 3 and chosen.groupby("seed").size().tolist() == [6, 6] or "ste" in run["run"]


@pytest.mark.long
def test_a_rule_of_ones_own_joins_it_and_the_control_ends_the_same(small, capsys):
    from results.records.reading import load

    store = Store(small / "store")
    plan = store.plan("board_small")
    table = frozen.write(load(store, plan), vars(plan), small / "frozen")
    (small / "mine.py").write_text(OWN, encoding="utf-8")
    asked = ["small", *SMALL, "--submit", str(small / "mine.py"), "--frozen", str(table.parent)]
    before = (small / "store" / "frozen" / "board_round_tuning.parquet").read_bytes()
    assert command.main([*asked, "--store", str(small / "store")]) == 0, "beside the board itself"
    assert (small / "store" / "frozen" / "board_round_tuning.parquet").read_bytes() == before
    out, err = capsys.readouterr()
    assert "ste, trained again here, ends with the mean of the board's table, to the last digit, on 1 task." in out
    assert "mine chose from 2 settings" not in err, "both had two rates"
    joined, about = frozen.read(small / "store" / "frozen" / "board_small_mine.parquet")
    assert {*joined.rows["estimator"].unique()} == {"ste", "gauss", "mine"}
    assert joined.plan.user_estimators == ("mine",) and about["plan"]["name"] == "board_small_mine"
    before, _ = frozen.read(table)
    kept = joined.rows[joined.rows["estimator"] != "mine"]
    columns = [name for name in before.rows if before.rows[name].notna().any()]
    pd.testing.assert_frame_equal(kept[columns].reset_index(drop=True), before.rows[columns], check_dtype=False)


@pytest.mark.long
def test_its_claims_are_confirmed_race_by_race_at_the_settings_of_its_table(small, tmp_path, monkeypatch):
    from results.records.reading import load

    store = Store(small / "store")
    plan = store.plan("board_small")
    frozen.write(load(store, plan), vars(plan), tmp_path)
    claim = {"says": "It is so.", "table": "board_small", "task": "quantized_regression", "optimizer": "adam"}
    (tmp_path / "claims.yaml").write_text(
        yaml.safe_dump([claim | {"better": "ste", "than": "gauss"}]), encoding="utf-8"
    )
    # The race has more rules and tasks than this table, and what it does not have is refused.
    with pytest.raises(UserError, match="the race board_round could not be trained"):
        confirmation.confirm(tmp_path / "claims.yaml", tmp_path, small / "store", 2)
    settings = chosen_settings.seeds_of(str(tmp_path / "board_small.parquet"))
    assert settings == {2, 3, 4}
