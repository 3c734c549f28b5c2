"""Claims that stood before a training: by their digests, in the record that is the oldest of its table."""

import dataclasses
import math

import pytest
import yaml

from results import claims, ledger
from results.records import declared, frozen
from tests.helpers.worlds import world
from tests.oracles.records import make

CLAIM = {"says": "So it is.", "table": "race", "task": "binarized_mlp", "optimizer": "adam"}
CLAIM |= {"better": "tanh_slope", "than": "ste"}
NAMES = ("first", "second", "third", "fourth")
PLAN = {"name": "race", "command": "-", "figures": [], "tables": []}


@pytest.mark.parametrize("key", CLAIM)
def test_a_word_changed_is_another_claim(key):
    assert declared.digest({**CLAIM, key: "other"}) != declared.digest(CLAIM)


def test_what_became_of_a_claim_changes_nothing():
    assert declared.digest({**CLAIM, "withdrawn": "so"}) == declared.digest(dict(reversed(CLAIM.items())))


def test_the_claims_of_the_project_stand():
    whole = yaml.safe_load(declared.FILE.read_text(encoding="utf-8"))
    assert declared.standing() == sorted(declared.digest(claim) for claim in whole if "withdrawn" not in claim)


@pytest.mark.parametrize("text", ["{", "a: 1", "- 1", "\udcff"])
def test_what_is_no_list_of_claims_says_nothing(tmp_path, text):
    path = tmp_path / "claims.yaml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert declared.standing(path) is None and declared.standing(tmp_path / "none.yaml") is None


@pytest.mark.parametrize(
    ("first", "second", "before", "outcome"),
    [
        ([declared.digest(CLAIM)], [], True, "supported"),
        ([], [declared.digest(CLAIM)], False, "supported, exploratory"),  # it was added while the table was trained
        (None, [declared.digest(CLAIM)], None, "supported"),
    ],
)
def test_the_oldest_record_says_whether_a_claim_is_older_than_its_table(tmp_path, first, second, before, outcome):
    results = world()
    accounts = [{**own, "claims": second, "started": f"2026-01-02T0{i}"} for i, own in enumerate(results.accounts)]
    accounts[1] |= {"claims": first, "started": "2026-01-01T00"}
    frozen.write(dataclasses.replace(results, accounts=tuple(accounts)), PLAN, tmp_path)
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([CLAIM]), encoding="utf-8")
    [found] = claims.evaluate(tmp_path / "claims.yaml", tmp_path)
    assert found.before is before and found.outcome == outcome
    [line] = claims.lines([found])
    assert line.startswith(f"- So it is. *{outcome.capitalize()}:*")


def test_what_survives_tuning_is_asked_of_fresh_draws_where_both_settings_are(tmp_path):
    """In the table tuning takes nothing away; on fresh draws, tuned and untuned, it takes all."""
    claim = {"says": "So it is.", "table": "race", "task": "binarized_mlp", "optimizer": "adam"}
    claim |= {"survives": "tuned", "less_than": 0.5}

    def apart(estimator, normalize, rate, seed):
        return 1 + 0.5 * NAMES.index(estimator) + 0.1 * math.sin(seed + NAMES.index(estimator))

    def tuned(estimator, normalize, rate, seed):
        return 2 + 0.1 * math.sin(seed + NAMES.index(estimator))

    own = {"estimators": NAMES, "tasks": ("binarized_mlp",), "seeds": 6, "default_rate": 0.001}
    made = {"race": (apart, (0.001, 0.01)), "race_fresh": (tuned, (0.01,)), "race_fresh_untuned": (apart, (0.001,))}
    found = []
    for name, (merit, rates) in made.items():
        results = make(**own, merit=merit, rates=rates)
        accounts = tuple({**account, "claims": [declared.digest(claim)]} for account in results.accounts)
        frozen.write(dataclasses.replace(results, accounts=accounts), {**PLAN, "name": name}, tmp_path)
        (tmp_path / "claims.yaml").write_text(yaml.safe_dump([claim]), encoding="utf-8")
        found.append(claims.evaluate(tmp_path / "claims.yaml", tmp_path)[0])
    assert [one.outcome for one in found] == ["refuted", "refuted", "supported on fresh draws"]


@pytest.mark.parametrize(
    ("stood", "outcome"), [([declared.digest(CLAIM)], "refuted on fresh draws"), ([], "supported, exploratory")]
)
def test_fresh_draws_decide_if_the_claim_stood_before_them(tmp_path, stood, outcome):
    """On the draws of the table the tanh slope is the better one, on fresh ones the other."""

    def turned(estimator, normalize, rate, seed):
        return {"ste": 2.0, "sigmoid_derivative": 2.0, "tanh_slope": 1.0}[estimator] + 0.1 * math.sin(seed)

    for name, results, claimed in (("race", world(), []), ("race_fresh", world(merit=turned), stood)):
        accounts = tuple({**account, "claims": claimed} for account in results.accounts)
        frozen.write(dataclasses.replace(results, accounts=accounts), {**PLAN, "name": name}, tmp_path)
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump([CLAIM]), encoding="utf-8")
    [found] = claims.evaluate(tmp_path / "claims.yaml", tmp_path)
    assert found.outcome == outcome and found.explored == ("supported" if stood else "")
    assert outcome in ledger.text([found])
