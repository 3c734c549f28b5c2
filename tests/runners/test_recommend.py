"""python -m runners.recommend: what it says of the tables that ship with the project, and of what was not measured."""

import pytest

from results.records import frozen
from runners import recommend


def test_it_says_what_to_start_from_and_on_what_that_rests(capsys):
    assert recommend.main(["--function", "round", "--bits", "4", "--optimizer", "adam"]) == 0
    said = capsys.readouterr().out
    assert "round, 4 bits, adam: start from" in said and "By table quantized_4 (" in said
    assert (
        "Not told from it:" in said
        and "would be told in 80 of 100" in said
        and "by table quantized (" not in said.lower()
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(
            ["--function", "round", "--bits", "3"], "with the rest of it there is bits 2, 4.", marks=pytest.mark.long
        ),
        pytest.param(
            ["--function", "round", "--bits", "3", "--optimizer", "sgd"],
            "with function round there is bits 2, 4, and optimizer adam.",
            marks=pytest.mark.long,
        ),
        (["--task", "router", "--optimizer", "lion"], "with the rest of it there is optimizer adam."),
    ],
)
def test_what_was_not_measured_is_said(capsys, asked, said):
    assert recommend.main(asked) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--function", "rund"], "did you mean 'round'?"),
        (["--optimizer", "adm"], "did you mean 'adam'?"),
        (["--task", "rooter"], "did you mean 'router'?"),
        (["--bits", "few"], "invalid int value"),
    ],
)
def test_a_mistake_is_one_sentence(capsys, asked, said):
    assert recommend.main(asked) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1


def test_a_folder_without_tables_is_said(capsys, tmp_path):
    assert recommend.main(["--frozen", str(tmp_path)]) == 1
    assert "there is no frozen table" in capsys.readouterr().err


def test_tables_that_confirm_choose_nothing(capsys):
    assert any(recommend.CONFIRMS.search(path.stem) for path in frozen.FOLDER.glob("*.parquet"))
    assert recommend.main(["--task", "binarized_convnet"]) == 0
    assert "table convnet (" in (said := capsys.readouterr().out) and "convnet_fresh" not in said
    results, _ = frozen.read(frozen.FOLDER / "policy.parquet")
    assert not recommend.offers(results), "which measures estimates, and races nobody"
