"""Frozen tables and claims: what is frozen comes back as it was, damage is seen, and claims are decided by it."""

import importlib.metadata
import io
import json
import math
import shutil
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet
from rich.console import Console

import results
from results import claims, ledger, outputs
from results.analysis import surrogates
from results.records import frozen, sealed
from results.records.plan import Plan, PlanFacts
from results.records.store import Store
from runners import claims as command
from runners import figures, report
from steeplechase.errors import RecordError, StoreError
from tests.helpers.worlds import world
from tests.oracles.records import declaring, make, name

PLAN = {"name": "race", "command": "steeplechase", "figures": ["convergence"], "tables": ["verdicts"]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with one frozen table, and what was made of it."""
    folder = tmp_path_factory.mktemp("frozen")
    path = frozen.write(world(optimizers=("adam", "sgd")), PLAN, folder)
    outputs.make(Console(file=io.StringIO()), *outputs.thawed(path), folder / "race")
    return folder


@pytest.fixture
def kept(made, tmp_path):
    """A copy of it that a test may spoil."""
    return Path(shutil.copytree(made, tmp_path, dirs_exist_ok=True))


def test_a_table_comes_back_as_it_was(tmp_path):
    whole = make(
        diverged=lambda estimator, rate, seed: estimator == "ste", reference="ste", default_rate=0.01,
        normalizes=("none", "area"), declined={"tanh_slope": "tanh_slope cannot be: its area is 1."},
    )  # fmt: skip
    own = {"task.hidden": "[4]", "task.dim": np.where(whole.rows["task"] == "sign_fitting", 64.0, np.nan)}
    whole = declaring(whole.with_rows(whole.rows[sorted(whole.rows.columns)].assign(**own)), strict=True)
    back, about = frozen.read(frozen.write(whole, PLAN, tmp_path))
    pd.testing.assert_frame_equal(back.rows, whole.rows)
    assert (back.missing, back.plan) == (whole.missing, whole.plan) and len(back.plan.unsupported) == 2
    assert [part["labels"] for part in back.accounts] == [part["labels"] for part in whole.accounts]
    assert about["plan"] == PLAN and "matplotlib" in about["versions"]
    ranked = [surrogates.rankings(results) for results in (back, whole)]
    assert surrogates.remarks(ranked[0]) == surrogates.remarks(ranked[1])
    pd.testing.assert_frame_equal(ranked[0].rows, ranked[1].rows)


def test_the_names_in_the_file_are_those_that_it_always_had(tmp_path):
    """Frozen tables are committed: none of them may need to be frozen again."""
    whole = make(normalizes=("area",), declined={"ste": "ste cannot be: its area is inf."}, reference="ste")
    path = frozen.write(declaring(whole, margins={"binarized_mlp": 0.01}), PLAN, tmp_path)
    attrs = json.loads(zlib.decompress(parquet.read_schema(path).metadata[frozen.KEY]))["attrs"]
    assert {*attrs} == {"parts", "missing", "reference", "declined", "margins", "strict", "default_rates"}
    words = {"task": "binarized_mlp", "estimator": "ste", "optimizer": "adam", "normalize": "area"}
    run = name("binarized_mlp", "ste", "adam", "area")
    assert attrs["declined"][0] == {**words, "run": run, "reason": "ste cannot be: its area is inf."}
    assert (attrs["reference"], attrs["margins"], attrs["strict"]) == ("ste", {"binarized_mlp": 0.01}, False)


def test_looks_are_frozen_and_read_back(tmp_path):
    given = {"looks": {"ste": {"colour": "red", "marker": "x", "label": "Ours", "order": 2}}, "user_estimators": ("a",)}
    whole = declaring(make(), **given)
    assert frozen.read(frozen.write(whole, PLAN, tmp_path))[0].plan == whole.plan != make().plan


def test_what_an_older_file_does_not_say_was_not_declared(kept):
    path = kept / "race.parquet"
    arrow = parquet.read_table(path)
    about = sealed.parsed(zlib.decompress(arrow.schema.metadata[frozen.KEY]), frozen.VERSION, "it")
    about["attrs"] = {key: about["attrs"][key] for key in ("parts", "missing")}
    text = zlib.compress(sealed.text({key: value for key, value in about.items() if key != "seal"}))
    parquet.write_table(arrow.replace_schema_metadata({**arrow.schema.metadata, frozen.KEY: text}), path)
    assert frozen.read(path)[0].plan == PlanFacts()


def test_an_incomplete_table_is_not_frozen(tmp_path):
    with pytest.raises(RecordError, match="lacks 3 replicas"):
        frozen.write(make(missing={"some-run": 3}), PLAN, tmp_path)


def test_what_is_no_frozen_table_is_told(tmp_path):
    with pytest.raises(RecordError, match="there is no frozen table"):
        frozen.read(tmp_path / "nothing.parquet")
    make().rows.to_parquet(tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("text", encoding="utf-8")
    for file in ("other", "text"):
        with pytest.raises(RecordError, match="is no frozen table"):
            frozen.read(tmp_path / f"{file}.parquet")


@pytest.mark.parametrize(
    "edit",
    [
        {"attrs": None},
        {"attrs": {"parts": ["x"], "missing": {}}},
        {"attrs": {"parts": []}},
        {"attrs": {"parts": [], "missing": {}, "strict": "yes"}},
        {"attrs": {"parts": [], "missing": {}, "declined": [{"run": "r"}]}},
        {"attrs": "x"},
        {"versions": "x"},
        {"plan": {"name": "race"}},
        {"plan": []},
        {"rows": 1},
    ],
    ids=str,
)
def test_what_says_too_little_of_its_rows_is_refused(edit, kept, tmp_path):
    """Under a right seal, too."""
    arrow = parquet.read_table(kept / "race.parquet")
    about = sealed.parsed(zlib.decompress(arrow.schema.metadata[frozen.KEY]), frozen.VERSION, "it")
    content = zlib.compress(sealed.text({key: value for key, value in {**about, **edit}.items() if key != "seal"}))
    parquet.write_table(arrow.replace_schema_metadata({frozen.KEY: content}), tmp_path / "race.parquet")
    with pytest.raises(RecordError, match="does not say what a frozen table says"):
        frozen.read(tmp_path / "race.parquet")


def test_a_table_under_another_tables_name_is_refused(kept, tmp_path):
    """As when two files change places, each whole and sealed."""
    (tmp_path / "control.parquet").write_bytes((kept / "race.parquet").read_bytes())
    with pytest.raises(RecordError, match="control.parquet holds the table of 'race'"):
        frozen.read(tmp_path / "control.parquet")


def test_rows_that_were_changed_are_seen(kept):
    arrow = parquet.read_table(kept / "race.parquet")
    at = arrow.schema.get_field_index("test_accuracy")
    values = arrow["test_accuracy"].to_pylist()
    values[0] += 1e-9
    changed = arrow.set_column(at, arrow.schema.field(at), pa.array(values, arrow.schema.field(at).type))
    parquet.write_table(changed, kept / "race.parquet")
    with pytest.raises(RecordError, match="is damaged"):
        frozen.read(kept / "race.parquet")


def _edited(path, change):
    """Writes what a frozen table says beside its rows anew, by hand: with the seal that it had."""
    arrow = parquet.read_table(path)
    about = json.loads(zlib.decompress(arrow.schema.metadata[frozen.KEY]))
    change(about)
    text = zlib.compress(json.dumps(about).encode())
    parquet.write_table(arrow.replace_schema_metadata({**arrow.schema.metadata, frozen.KEY: text}), path)


EDITS = {
    "a margin": lambda about: about["attrs"]["margins"].update(binarized_mlp=0.5),
    "the reference": lambda about: about["attrs"].update(reference="zero"),
    "a label": lambda about: about["attrs"]["parts"][0]["labels"].update(estimator="Another"),
    "what is missing": lambda about: about["attrs"].update(missing={"a-run": 1}),
    "the figures": lambda about: about["plan"].update(figures=[]),
    "the command": lambda about: about["plan"].update(command="another"),
    "a version": lambda about: about["versions"].update(matplotlib="0"),
    "the seal": lambda about: about.pop("seal"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_a_plan_declared_is_sealed_like_the_rows(kept, edit, capsys):
    _edited(kept / "race.parquet", EDITS[edit])
    with pytest.raises(RecordError, match="race.parquet is damaged, or was edited: it"):
        frozen.read(kept / "race.parquet")
    assert figures.main(["--verify", "--frozen", str(kept)]) == 1
    assert report.main(["--frozen", str(kept), "--output", str(kept / "report.html")]) == 1
    err = capsys.readouterr().err.splitlines()
    assert len(err) == 2 and all(line.startswith("steeplechase: ") for line in err)


@pytest.mark.parametrize("every", [9973, pytest.param(331, marks=pytest.mark.long)])
def test_a_flipped_bit_of_a_frozen_table_is_noticed_or_changes_nothing(tmp_path, every):
    path = frozen.write(make(tasks=("sign_fitting",), seeds=1, rows=2, rates=(0.1,)), PLAN, tmp_path)
    whole, (wanted, about), noticed = path.read_bytes(), frozen.read(path), 0
    for at in range(0, 8 * len(whole), every):
        content = bytearray(whole)
        content[at // 8] ^= 1 << at % 8
        path.write_bytes(content)
        try:
            results, said = frozen.read(path)
        except RecordError:
            noticed += 1
            continue
        pd.testing.assert_frame_equal(results.rows, wanted.rows, check_exact=True)
        facts = [(one.accounts, one.missing, one.plan) for one in (results, wanted)]
        assert said == about and facts[0] == facts[1]
    assert noticed > 8 * len(whole) / every / 3


def test_a_frozen_table_of_another_version_is_left_as_it_is(kept, monkeypatch):
    monkeypatch.setattr(frozen, "VERSION", 0)
    with pytest.raises(StoreError, match="version 1, and this program reads version 0"):
        frozen.read(kept / "race.parquet")


def test_tables_are_frozen_beside_their_store_and_read_from_there(tmp_path, monkeypatch, capsys):
    """Never into the package, which may be somebody's site-packages; its own are read where a store has none."""
    assert frozen.chosen(tmp_path) == frozen.FOLDER == frozen.beside(Path(results.__file__).parent)
    whole = make(tasks=("sign_fitting",), seeds=1, rows=2, rates=(0.1,))
    plan = Plan("race", "steeplechase", "2026-01-01", (), ("throughput",))
    Store(tmp_path).write_plan(plan)
    monkeypatch.setattr(outputs, "load", lambda *_: whole)
    before = sorted(frozen.FOLDER.rglob("*"))
    assert figures.main(["--store", str(tmp_path), "--freeze", "race"]) == 0
    made = sorted(path.name for path in (tmp_path / "frozen").rglob("*") if path.is_file())
    assert made == ["race.parquet", "throughput.pdf", "throughput.png", "throughput.svg"]
    assert sorted(frozen.FOLDER.rglob("*")) == before
    assert figures.main(["--store", str(tmp_path), "--verify"]) == 0
    assert "race: 1 files made again and compared." in capsys.readouterr().out


def test_verify_makes_everything_again_and_names_what_became_another(kept):
    console = Console(file=io.StringIO(), width=200)
    assert outputs.verify(console, kept) == []
    assert "race: 4 files made again and compared." in console.file.getvalue()  # csv, md, tex and one svg
    assert figures.main(["--verify", "--frozen", str(kept)]) == 0
    svg = kept / "race" / "convergence.svg"
    svg.write_bytes(svg.read_bytes().replace(b"Tanh", b"Tan ", 1))
    (kept / "race" / "verdicts.csv").unlink()
    said = outputs.verify(console, kept)
    assert said == ["race/verdicts.csv is missing.", "race/convergence.svg is not what its table gives."]
    assert figures.main(["--verify", "--frozen", str(kept)]) == 1


def test_other_versions_compare_data_alone(kept, monkeypatch):
    monkeypatch.setattr(
        outputs, "version", lambda name: "0" if name == "matplotlib" else importlib.metadata.version(name)
    )
    (kept / "race" / "convergence.svg").write_text("drawn by another", encoding="utf-8")
    console = Console(file=io.StringIO(), width=200)
    assert outputs.verify(console, kept) == [] and "since matplotlib have other versions" in console.file.getvalue()


def test_verify_needs_something_to_verify(tmp_path, capsys):
    assert figures.main(["--verify", "--frozen", str(tmp_path)]) == 1
    assert "there is no frozen table" in capsys.readouterr().err
    assert figures.main(["--verify", "race", "--frozen", str(tmp_path)]) == 1
    assert "there is no frozen table" in capsys.readouterr().err
    assert figures.main(["--verify", "--freeze", "race"]) == 2 and figures.main(["--freeze"]) == 2


def test_a_figures_files_say_where_they_come_from(kept):
    whole, _ = frozen.read(kept / "race.parquet")
    svg = (kept / "race" / "convergence.svg").read_text(encoding="utf-8")
    assert frozen.digest(whole.rows)[:16] in svg and all(run in svg for run in whole.runs())


# Claims


def claim(**own):
    return {"says": "So it is.", "table": "race", "task": "binarized_mlp", "optimizer": "adam", **own}


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    """A folder with a frozen table of surrogates, of which each has a rate of its own at which it is like the others;
    only `ste`, the reference, is worse."""
    folder = tmp_path_factory.mktemp("ranked")

    def merit(estimator, normalize, rate, seed):
        best = {"ste": -1, "sigmoid_derivative": -2, "tanh_slope": -3}[estimator]
        return 2 - 0.5 * (estimator == "ste") - 0.5 * abs(math.log10(rate) - best) + 0.01 * (seed * (best + 7) % 5)

    whole = make(tasks=["binarized_mlp"], seeds=5, merit=merit, spread=0.002, reference="ste", default_rate=0.1)
    frozen.write(whole, PLAN, folder)
    return folder


RANKED = [
    (claim(unbeaten="ste", condition="default", margin=0.01), "supported", "0 found better, 2 surely less than 0.01"),
    (claim(unbeaten="ste", condition="default", margin=0.5), "supported", "0 found better"),
    (claim(unbeaten="ste", condition="tuned", margin=0.01), "refuted", "2 found better"),
    (claim(survives="tuned", less_than=0.9), "undecided", "of the variance between 3 estimators"),
    (claim(survives="tuned", less_than=1e-4), "undecided", "it rests on one estimator"),
    (claim(always="tanh_slope"), "supported", "5 of 5 trainings"),
]


@pytest.mark.parametrize(("own", "verdict", "words"), RANKED)
def test_claims_about_rankings_are_decided_by_the_table(ranked, own, verdict, words):
    (ranked / "claims.yaml").write_text(yaml.safe_dump([own]), encoding="utf-8")
    [found] = claims.evaluate(ranked / "claims.yaml", ranked)
    assert found.verdict == verdict and words in found.evidence


def test_that_nobody_was_found_better_is_no_evidence(tmp_path):
    """Two seeds of methods that are all alike: nobody is found better, and nobody surely is not."""
    whole = make(tasks=["binarized_mlp"], seeds=2, merit=lambda *_: 2.0, spread=0.1, reference="ste")
    frozen.write(whole, PLAN, tmp_path)
    own = claim(unbeaten="ste", condition="tuned", margin=0.01)
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([own]), encoding="utf-8")
    [found] = claims.evaluate(tmp_path / "claims.yaml", tmp_path)
    assert found.verdict == "undecided" and "0 found better" in found.evidence
    assert float(found.evidence.split("a difference of ")[1].split()[0]) > 0.1  # what would have been seen


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (claim(unbeaten="tanh_slope", condition="tuned", margin=0.01), "as the reference"),
        (claim(unbeaten="ste", condition="area_tuned", margin=0.01), "the condition area_tuned"),
        (claim(unbeaten="ste", condition="tuned"), "needs exactly the keys"),
        (claim(survives="tuned"), "needs exactly the keys"),
    ],
)
def test_claims_about_rankings_that_cannot_be_decided_are_errors(ranked, own, words):
    (ranked / "claims.yaml").write_text(yaml.safe_dump([own]), encoding="utf-8")
    with pytest.raises(RecordError, match=words):
        claims.evaluate(ranked / "claims.yaml", ranked)


CASES = [
    (claim(better="tanh_slope", than="ste"), "supported"),
    (claim(better="ste", than="tanh_slope"), "refuted"),
    (claim(better="tanh_slope", than="sigmoid_derivative"), "refuted"),  # they are equivalent
    (claim(equivalent="sigmoid_derivative", to="tanh_slope"), "supported"),
    (claim(equivalent="tanh_slope", to="ste", optimizer="best"), "refuted"),
    (claim(never="tanh_slope"), "refuted"),
]


@pytest.mark.parametrize(("own", "verdict"), CASES)
def test_claims_are_decided_by_the_table(kept, own, verdict):
    (kept / "claims.yaml").write_text(yaml.safe_dump([own]), encoding="utf-8")
    [found] = claims.evaluate(kept / "claims.yaml", kept)
    assert found.verdict == verdict and found.text == "So it is."
    assert ("8 seeds" in found.evidence and "Holm over 12" in found.evidence) or "of 8 trainings" in found.evidence


def test_without_enough_seeds_a_claim_is_undecided(tmp_path):
    frozen.write(world(seeds=1), PLAN, tmp_path)
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([claim(better="tanh_slope", than="ste")]), encoding="utf-8")
    assert [found.verdict for found in claims.evaluate(tmp_path / "claims.yaml", tmp_path)] == ["undecided"]


WRONG = {
    "nothing of it": claim(better="atan", than="ste"),
    "has nothing": claim(never="tanh_slope", optimizer="lion"),
    "needs exactly the keys": claim(better="ste", to="tanh_slope"),
    "must be words": claim(table=["race"], never="ste"),
    "must be a number": claim(survives="tuned", less_than="all"),
    "but has no reason": claim(better="tanh_slope", than="ste", withdrawn=""),
    "half a sentence": claim(better="tanh_slope", than="ste", withdrawn="It is not so."),
}


@pytest.mark.parametrize("words", WRONG)
def test_a_claim_that_cannot_be_decided_is_an_error(kept, words):
    (kept / "claims.yaml").write_text(yaml.safe_dump([WRONG[words]]), encoding="utf-8")
    with pytest.raises(RecordError, match="nothing" if "noth" in words else words):
        claims.evaluate(kept / "claims.yaml", kept)


def test_a_claim_may_be_older_than_its_table(kept):
    """It is counted, and decided once its table is there."""
    text = yaml.safe_dump([claim(table="other", never="ste"), claim(never="ste")])
    (kept / "claims.yaml").write_text(text, encoding="utf-8")
    first, second = claims.evaluate(kept / "claims.yaml", kept)
    assert (first.verdict, first.evidence, first.before) == ("untested", "its table is not frozen yet.", None)
    assert second.verdict == "refuted" and ledger.counted([first, second]).endswith(": 1 refuted, 1 untested.")
    assert "*Untested:* its table is not frozen yet." in next(claims.lines([first]))
    assert claims.tables_of_standing(kept / "claims.yaml") == {"other": {"never"}, "race": {"never"}}


@pytest.mark.parametrize("content", [b"# gr\xf6\xdfe\n", b"1\n", b"a: 1\n", b"[1\n"])
def test_claims_that_are_none_are_an_error(tmp_path, content):
    (tmp_path / "claims.yaml").write_bytes(content)
    with pytest.raises(RecordError, match=r"claims.yaml (cannot be read|are no list)"):
        claims.evaluate(tmp_path / "claims.yaml", tmp_path)


@pytest.mark.parametrize("than", ["tanh_slope", "atan"])
def test_what_is_withdrawn_says_why_instead_of_what_was_decided(kept, than):
    """Also of what its table no longer has."""
    (kept / "claims.yaml").write_text(
        yaml.safe_dump([claim(better="ste", than=than, withdrawn="it was luck")]), encoding="utf-8"
    )
    found = claims.evaluate(kept / "claims.yaml", kept)
    assert [*claims.lines(found)] == ["- So it is. *Withdrawn:* it was luck."]


@pytest.fixture(scope="module")
def told():
    """What became of every claim of results/claims.yaml."""
    return claims.evaluate()


def test_what_is_known_to_be_false_is_withdrawn(told):
    """What was tried again on other splits, instances and widths and did not hold is not said any more."""
    fallen = {
        "better than the sigmoid derivative": 2,  # they are one function at two scales
        "the tanh slope and the straight-through estimator are equivalent": 1,  # differences without any spread
        "its best optimizer, the tanh slope and the sigmoid derivative are equivalent": 1,  # which its table refuted
        "found better than the clipped": 2,  # by tests that would have found nothing
        "third of the variance": 3,  # which is one page's
        "fits all signs with every seed": 1,  # of one instance
        "clipped straight-through estimator never": 1,  # at one width
    }
    once = [one for one in told if one.table in ("control", "surrogates")]
    for words, count in fallen.items():
        said = [one.verdict for one in once if words in one.text and "rate and the width" not in one.text]
        assert said == ["withdrawn"] * count, words
    page = " ".join(" ".join(page.read_text(encoding="utf-8") for page in command.PAGES).split())
    for sentence in (
        "one has to race them",
        "as if a weight that has left",
        "99 % of the tuned variance",
        "says little",
    ):
        assert sentence not in page, sentence
    assert not [one.text for one in told if one.verdict == "withdrawn" and one.text in page]


def test_what_overturned_it_is_claimed_again_of_the_experiments_that_did(told):
    """On another instance, on eight splits, without the one surrogate, with 8 seeds' power, at other clips."""
    expected = {
        "instance_two": [("are equivalent", "refuted")],
        "eight_splits": [("better accuracy than the sigmoid derivative", "refuted")],
        "constant_surrogates": [
            (
                "on one split of the digits with adam, without snntorch's",
                "undecided",
            ),  # another pair of pages carries it
            ("on one split of the digits with momentum, without snntorch's", "supported"),
            ("no other surrogate is better", "undecided"),
        ],
        "wider_clip": [("never fits all signs", "refuted")],
    }
    for table, sentences in expected.items():
        found = [one for one in told if one.table == table]
        assert len(found) == len(sentences), table
        for one, (words, verdict) in zip(found, sentences, strict=True):
            assert words in one.text.lower() and verdict in (one.verdict, one.explored), one
            assert one.before, f"{one.text} was declared before its table was trained"


def test_the_pages_say_what_the_claims_became(told):
    """Their sentences about results are those of results/claims.yaml, with what the frozen tables say of them."""
    pages = {path: path.read_text(encoding="utf-8") for path in command.PAGES}
    assert command.replaced(pages, told) == pages


def test_the_command_writes_the_page_and_notices_when_it_says_something_else(kept, capsys):
    (kept / "claims.yaml").write_text(yaml.safe_dump([CASES[0][0]]), encoding="utf-8")
    page = kept / "page.md"
    words = ["--claims", str(kept / "claims.yaml"), "--frozen", str(kept), "--pages", str(page)]
    page.write_text("no marks", encoding="utf-8")
    assert command.main(words) == 1 and "no page has lines" in capsys.readouterr().err
    page.write_text(command.BEGIN.format("race"), encoding="utf-8")
    assert command.main(words) == 1 and "no page has lines" in capsys.readouterr().err
    page.write_text(f"before\n{command.BEGIN.format('race')}\nold\n{command.END}\nafter\n", encoding="utf-8")
    assert command.main(words) == 1 and "says something else" in capsys.readouterr().err
    assert command.main([*words, "--write"]) == 0 and command.main(words) == 0
    assert "- So it is. *Supported:* test accuracy, difference 0." in page.read_text(encoding="utf-8")
    assert page.read_text(encoding="utf-8").startswith("before\n") and page.read_text(encoding="utf-8").endswith(
        "\nafter\n"
    )


FROZEN = sorted(path.stem for path in frozen.FOLDER.glob("*.parquet"))


LARGE = (
    "choosing",
    "control",
    "control_mnist",
    "drawn_bits",
    "fidelity_smoothed",
    "surrogates",
    "drawn_networks",
    "fidelity_choices",
    "toy",
)  # which draw what others draw, too


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] * (n in LARGE)) for n in FROZEN])
def test_committed_tables_give_what_is_committed(name):
    """results/frozen is what its tables give today, to the byte."""
    assert outputs.verify(Console(file=io.StringIO()), frozen.FOLDER, [name]) == []
