"""Claims: sentences about results as data, held against frozen tables: supported, refuted, undecided, or withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from results import wording
from results.analysis import board as board_analysis
from results.analysis import draws, lookup, selection, surrogates, targets, verdicts
from results.analysis import spread as spread_analysis
from results.analysis.board import Board
from results.analysis.comparison import ANY
from results.analysis.surrogates import Rankings
from results.analysis.verdicts import Verdicts
from results.records import declared, frozen
from results.records.declared import FILE, WITHDRAWN
from results.records.result_set import ResultSet
from results.statistics import paired, variance
from steeplechase.errors import RecordError

UNTESTED = "untested"  # of a claim whose table is not frozen yet
WHERE = {"says", "table", "task", "optimizer"}
NUMBERS = {"less_than", "margin"}
KINDS = {  # what a claim of each kind has beside WHERE
    "better": {"than"},
    "equivalent": {"to"},
    "never": set(),
    "always": set(),
    "unbeaten": {"condition", "margin"},
    "survives": {"less_than"},
    "ranked": {"before"},
}


@dataclass(frozen=True)
class Claim:
    """A sentence about results, and what became of it.

    Attributes:
        text: the sentence.
        kind: one of KINDS.
        table: the frozen table's name.
        verdict: supported, refuted, undecided, withdrawn or, where its table is not frozen yet, untested.
        evidence: the numbers that decided, as a sentence; of what is withdrawn, the reason.
        before: whether it stood before the first record that decides it was trained: else it was found there, and is
            exploratory. None where the records do not say which claims stood.
        explored: the verdict of the table itself, where draws that the table never met have decided; else "".
    """

    text: str
    kind: str
    table: str
    verdict: str
    evidence: str
    before: bool | None = None
    explored: str = ""

    @property
    def outcome(self) -> str:
        """The verdict, and whether it is exploratory or of fresh draws."""
        if self.explored:
            return f"{self.verdict} on fresh draws"
        return f"{self.verdict}, exploratory" if self.before is False else self.verdict


class _Frozen:
    """A frozen table, and what is found in it, each once and only if a claim asks for it."""

    def __init__(self, path: Path):
        self.results, _ = frozen.read(path)
        if self.results.plan.compare:
            raise RecordError(f"{path.stem} compares numbers, and claims are about what validation has chosen.")
        draws.check_balanced(self.results, path.stem)

    @cached_property
    def verdicts(self) -> Verdicts:
        return verdicts.verdicts(self.results)

    @cached_property
    def rankings(self) -> Rankings:
        return surrogates.rankings(self.results)

    @cached_property
    def board(self) -> Board:
        return board_analysis.board(self.results)


def evaluate(path: str | Path = FILE, folder: str | Path = frozen.FOLDER) -> list[Claim]:
    """Every claim of the file. A claim has the keys `says`, `table` (a frozen table's name), `task`, `optimizer` (or
    `best`: each with its best one) and one of

    better, than: estimators, of which the first has the better mean of the reported measure (verdicts.verdicts)
    equivalent, to: estimators, which differ by less than the table's margin
    never, always: an estimator, of which no seed, or every one, reaches the task's target at its chosen setting
    unbeaten, condition, margin: the table's reference, than which no other is better by the margin or more in a
        condition (surrogates.rankings): non-inferiority; that no other was found better is no evidence
    survives, less_than: a condition, and the share of the variance between estimators at the default rate of which
        less is left there (rankings.spread); these two are about one optimizer
    ranked, before: estimators, of which the first has the smaller mean rank over tasks, told apart from the other's
        (board.board); its `task` is `all`

    and, where it no longer stands, `withdrawn`: why, which is then said. It is not decided any more: its table may have
    been measured anew since, without what it was about.

    A claim may be older than its table: where the folder has none of its name, it is untested.

    Where the folder has the table's fresh draws (NAME_fresh, of `python -m runners.claims --fresh`) and the claim stood
    before them, they decide, at the settings that the table has chosen; of several optimizers the best is chosen anew.
    What survives tuning is asked of them and of the untuned settings, where these are of the same draws
    (NAME_fresh_untuned).

    Args:
        path: of the claims, a list in YAML.
        folder: that has the frozen tables.

    Returns:
        In the order of the file.

    Raises:
        RecordError: for a file that cannot be read or holds no list and, naming the claim, for one that is no claim, or
            is about something that was not run.
    """
    tables: dict[str, _Frozen] = {}
    found = []

    def table(name: str) -> _Frozen:
        if name not in tables:
            tables[name] = _Frozen(Path(folder) / f"{name}.parquet")
        return tables[name]

    for number, claim in enumerate(read(path), 1):
        kind = _kind(number, claim)
        name, explored = claim["table"], ""
        if WITHDRAWN in claim or not (Path(folder) / f"{name}.parquet").exists():
            word = WITHDRAWN if WITHDRAWN in claim else UNTESTED
            reason = claim.get(word, "its table is not frozen yet")
            found.append(Claim(claim["says"], kind, name, word, f"{reason}."))
            continue
        before = declared.before(claim, table(name).results.accounts)
        try:
            word, evidence = _decided(kind, claim, table(name))
            names = [fresh(name), *([fresh(name, untuned=True)] if kind == "survives" else [])]
            if all((Path(folder) / f"{own}.parquet").exists() for own in names):
                parts = [table(own) for own in names]
                same = len({frozenset(part.results.rows["seed"].unique()) for part in parts}) == 1
                if same and all(declared.before(claim, part.results.accounts) for part in parts):
                    explored, before = word, True
                    word, evidence = _decided(kind, claim, *parts)
        except LookupError as error:
            raise RecordError(f"the claim “{claim['says']}” is about {error.args[0]}.") from None
        found.append(Claim(claim["says"], kind, name, word, evidence, before, explored))
    return found


def read(path: str | Path) -> list:
    """The claims of a file, each as it stands there.

    Args:
        path: of the claims, a list in YAML.

    Returns:
        In the order of the file; none of an empty one. What is no claim is among them.

    Raises:
        RecordError: for a file that cannot be read or holds no list.
    """
    try:
        claims = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: it is no UTF-8
        raise RecordError(f"the claims {path} cannot be read: {error}.") from None
    if not isinstance(claims, list):
        raise RecordError(f"the claims {path} are no list of claims.")
    return claims


def tables_of_standing(path: str | Path) -> dict[str, set[str]]:
    """The tables that claims are about which are not withdrawn.

    Args:
        path: as in `read`.

    Returns:
        By their names, sorted, of which KINDS the claims are.

    Raises:
        RecordError: as `read` does and, naming it, for one that is no claim.
    """
    kinds: dict[str, set[str]] = {}
    for number, claim in enumerate(read(path), 1):
        kind = _kind(number, claim)
        if WITHDRAWN not in claim:
            kinds.setdefault(claim["table"], set()).add(kind)
    return dict(sorted(kinds.items()))


def fresh(table: str, untuned: bool = False) -> str:
    """The name of the table of a table's fresh draws.

    Args:
        table: its own name.
        untuned: at the settings that are not tuned, rather than at the chosen ones.

    Returns:
        The name.
    """
    return f"{table}_fresh_untuned" if untuned else f"{table}_fresh"


def _decided(kind: str, claim: Mapping, of: _Frozen, untuned: _Frozen | None = None) -> tuple[str, str]:
    """The verdict and its evidence. untuned: the table of untuned settings, if another. Raises LookupError."""
    match kind:
        case "never" | "always":
            return _arrival(kind, claim, of.results)
        case "unbeaten":
            return _unbeaten(claim, of.rankings.rows)
        case "survives":
            ranked = surrogates.tuned_beside(of.rankings, untuned.rankings) if untuned else of.rankings
            return _survival(claim, spread_analysis.spread(ranked).rows)
        case "ranked":
            return _ranked(claim, of.board)
    return _contrast(kind, claim, of.verdicts.rows)


def lines(claims: Iterable[Claim]) -> Iterator[str]:
    """Each claim as a line of Markdown; one that was found in its own table is exploratory, and says so."""
    for claim in claims:
        yield f"- {claim.text} *{claim.outcome.capitalize()}:* {claim.evidence}"


def _kind(number: int, claim: Mapping) -> str:
    kinds = [kind for kind in KINDS if isinstance(claim, Mapping) and kind in claim]
    if len(kinds) != 1 or {*claim} - {WITHDRAWN} != {*WHERE, kinds[0], *KINDS[kinds[0]]}:
        forms = "; or ".join(", ".join([kind, *sorted(more)]) for kind, more in KINDS.items())
        raise RecordError(f"claim {number} needs exactly the keys {', '.join(sorted(WHERE))} and {forms}.")
    for key, value in claim.items():
        kind, called = ((int, float), "a number") if key in NUMBERS else (str, "words")
        if not isinstance(value, kind) or isinstance(value, bool):
            raise RecordError(f"claim {number} has {key}: {value!r}, which must be {called}.")
    reason = claim.get(WITHDRAWN, "none is given")
    if not isinstance(reason, str) or not reason.strip() or reason.rstrip().endswith("."):
        raise RecordError(f"claim {number} is withdrawn, but has no reason: half a sentence, without its full stop.")
    return kinds[0]


def _contrast(kind: str, claim: Mapping, decided: pd.DataFrame) -> tuple[str, str]:
    own, other = claim[kind], claim["than" if kind == "better" else "to"]
    rows = decided[(decided["task"] == claim["task"]) & (decided["optimizer_label"] == _optimizer(claim))]
    straight = rows[(rows["estimator"] == own) & (rows["other_estimator"] == other)]
    turned = rows[(rows["estimator"] == other) & (rows["other_estimator"] == own)]
    if len(straight) + len(turned) != 1:
        raise LookupError(_not_run(claim, f"{own} against {other}", len(straight) + len(turned)))
    row = (straight if len(straight) else turned).iloc[0]
    word = row.verdict
    if len(turned):
        word = {"better": "worse", "worse": "better"}.get(word, word)
    sign = 1 if len(straight) else -1
    ends = sorted((sign * row.low, sign * row.high))
    gap = "unknown" if np.isnan(row.difference) else wording.aggregate(sign * row.difference, *ends, row.unit)
    evidence = f"{row.measure_label.lower()}, difference {gap}, {wording.units([row.seeds], [row.draws])}, {_p(row)}."
    if word == "undecided":
        return "undecided", evidence
    return "supported" if word == kind else "refuted", evidence


def _arrival(kind: str, claim: Mapping, results: ResultSet) -> tuple[str, str]:
    settings = selection.chosen_settings(results)
    alone = lookup.single_slope_runs(results)  # a bound, or a slope with another one at weights, is somebody else
    own = settings[(settings["task"] == claim["task"]) & (settings["estimator"] == claim[kind])]
    own = own[own["run"].isin(alone)]
    if claim["optimizer"] != "best":
        own = own[own["optimizer_label"] == claim["optimizer"]]
    if own.empty:
        raise LookupError(_not_run(claim, claim[kind], 0))
    accounts, rows, steps = results.runs(), results.rows, []
    for one in own.itertuples():
        chosen = rows[rows["replica"].isin(one.replicas)]
        steps += targets.reached(chosen, accounts[one.run]).steps.tolist()
    got = int(np.isfinite(steps).sum())
    evidence = f"{got} of {len(steps)} trainings reached the target."
    return ("supported" if got == (0 if kind == "never" else len(steps)) else "refuted"), evidence


def _unbeaten(claim: Mapping, ranked: pd.DataFrame) -> tuple[str, str]:
    rows = _rows(claim, ranked, claim["condition"])
    fixed = rows[(rows["estimator"] == claim["unbeaten"]) & (rows["verdict"] == "reference")]
    if fixed.empty:
        raise LookupError(_not_run(claim, f"{claim['unbeaten']} as the reference", 0))
    others = rows[(rows["verdict"] != "reference") & ~rows["control"]]
    margin, reference = claim["margin"], pd.Series(fixed["values"].iloc[0])
    sign = 1 if fixed["better"].iloc[0] == "higher" else -1
    contrasts = []
    for values in map(pd.Series, others["values"]):
        seeds = values.index.intersection(reference.index)
        contrasts.append(paired.not_better(sign * values[seeds], sign * reference[seeds], margin))
    p = paired.holm([contrast.p for contrast in contrasts])
    within = int((p < paired.LEVEL).sum())
    powers = [paired.detectable(contrast.error, contrast.draws, len(contrasts)) for contrast in contrasts]
    known = [power for power in powers if np.isfinite(power)]
    better = int((others["verdict"] == "better").sum())
    evidence = f"of {len(others)} others {better} found better, {within} surely less than {margin:g} better (Holm); "
    if known:
        seen = wording.aggregate(float(np.median(known)), np.nan, np.nan, fixed["unit"].iloc[0])
        evidence += f"a difference of {seen} would have been found in 80 % of cases."
    else:
        evidence += "none of their differences has a spread, so nothing tells what would have been found."
    if better:
        return "refuted", evidence
    return ("supported" if within == len(others) else "undecided"), evidence


def _survival(claim: Mapping, spread: pd.DataFrame) -> tuple[str, str]:
    row = _rows(claim, spread, claim["survives"]).iloc[0]
    labels, shares = list(row["without"]), np.array(list(row["without"].values())).reshape(-1, 3)
    interval = row["share_low"], row["share_high"]
    word, turning = variance.share_verdict(interval, shares[:, 1:], claim["less_than"])
    evidence = f"{_share(row['share_of_default'], *interval)} of the variance between {row['estimators']} estimators "
    evidence += "at the default rate is left"
    members = [labels[i] for i in turning] or labels
    member = row["influential"] if row["influential"] in members else members[0] if members else ""
    if member:
        evidence += f", without {member} {_share(*row['without'][member])}"
    return word, evidence + (": it rests on one estimator." if turning else ".")


def _ranked(claim: Mapping, ranking: Board) -> tuple[str, str]:
    means = ranking.methods.set_index("estimator")["mean_rank"]
    names = claim["ranked"], claim["before"]
    if claim["task"] != "all" or {*names} - {*means.index} or claim["optimizer"] not in {*ranking.tasks["optimizer"]}:
        raise LookupError(_not_run(claim, " before ".join(names), 0))
    own, other = (float(means[name]) for name in names)
    said = f"mean rank {own:.2f} against {other:.2f} over {wording.count(len(ranking.tasks), 'task')}, "
    if np.isnan(ranking.critical):
        return "undecided", f"{said}of which {ranking.lacking} more are needed."
    said += f"told apart from {ranking.critical:.2f} on (Nemenyi, 5 %)."
    if abs(other - own) < ranking.critical:
        return "undecided", said
    return ("supported" if own < other else "refuted"), said


def _share(share: float, low: float, high: float) -> str:
    return f"{wording.percent(share)} [{wording.percent(low)}, {wording.percent(high)}]"


def _rows(claim: Mapping, table: pd.DataFrame, condition: str) -> pd.DataFrame:
    """Those of the claim's task and optimizer, in a condition."""
    here = (table["task"] == claim["task"]) & (table["optimizer_label"] == claim["optimizer"])
    rows = table[here & (table["condition"] == condition)]
    if rows.empty:
        raise LookupError(_not_run(claim, f"the condition {condition}", 0))
    return rows


def _optimizer(claim: Mapping) -> str:
    return ANY if claim["optimizer"] == "best" else claim["optimizer"]


def _not_run(claim: Mapping, who: str, reached: int) -> str:
    where = f"{who} on {claim['task']} with {claim['optimizer']}"
    return f"{where}, of which the table {claim['table']} has {'several' if reached else 'nothing'}"


def _p(row) -> str:
    p, name = (row.p_margin, "p of more than the margin") if row.verdict == "equivalent" else (row.p, "p")
    return f"{name} {wording.p_value(p, 'unknown')} (Holm over {row.family})"
