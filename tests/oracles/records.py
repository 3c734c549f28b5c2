"""Made-up records with known properties, as `results.load` gives them: for tests of tables, figures and the store."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from results.records import schema
from results.records.plan import PlanFacts, UnsupportedPair
from results.records.result_set import ResultSet

LABELS = {"sigmoid_derivative": "Sigmoid derivative", "ste": "Straight-through", "tanh_slope": "Tanh slope"}
ACCURACY = {  # a task that holds examples out, and is judged by accuracy
    "label": "Binarized MLP (64-128-128-10)",
    "measures": {},
    "selects": "validation_accuracy",
    "reports": "test_accuracy",
    "target": ["validation_accuracy", 0.8],
    "optimum": None,
    "data": "digits",
    "block": 4,
    "pace": 2000.0,
}
LOSS = {  # a task with nothing held out and a known optimum
    "label": "Sign fitting (identity, 1)",
    "measures": {
        "wrong_signs": {"label": "Wrong signs", "unit": "share of coordinates", "better": "lower", "bounds": [0.0, 1.0]}
    },
    "selects": "train_loss",
    "reports": "train_loss",
    "target": ["wrong_signs", 0.0],
    "optimum": 0.0,
    "data": None,
    "block": 64,
    "pace": 3e6,
}
MEASURED = ("fidelity", "knobs", "next_step", "policy")  # figures of what was measured
TASKS = {"binarized_mlp": ACCURACY, "sign_fitting": LOSS}


def make(
    *,
    estimators: Sequence[str] = ("sigmoid_derivative", "ste", "tanh_slope"),
    tasks: Sequence[str] | Mapping[str, dict] = ("binarized_mlp", "sign_fitting"),
    optimizers: Sequence[str] = ("adam",),
    seeds: int = 3,
    rates: Sequence[float] = (0.001, 0.01, 0.1),
    rows: int = 5,
    diverged: Callable[[str, float, int], bool] = lambda estimator, rate, seed: False,
    parts: int = 1,
    spread: float = 0.01,
    missing: Mapping[str, int] | None = None,
    chance: int = 0,
    normalizes: Sequence[str] = ("none",),
    merit: Callable[[str, str, float, int], float] | None = None,
    reference: str = "",
    default_rate: float | None = None,
    controls: Sequence[str] = (),
    bounds: Mapping[str, str] | None = None,
    outside: Mapping[str, str] | None = None,
    declined: Mapping[str, str] | None = None,
) -> ResultSet:
    """Rows that are checked by the schema, with accounts and facts of a plan as `results.load` gives them.

    Runs are tasks × estimators × optimizers × normalizes, replicas rates × seeds, and each has `rows` rows, 100 updates
    apart. The middle one of the rates is the best; estimators rank as they are given, the first is the worst.
    diverged(estimator, rate, seed) says which replicas lose their finite numbers half way. parts: how many parts each
    run was recorded in. spread: standard deviation over seeds, in logits of accuracy or natural logarithms of loss.
    missing: what it claims to lack, by run. tasks: names in TASKS, or accounts like those by name.
    merit(estimator, normalize, rate, seed): how far a replica gets, in place of that ranking; 1 to 4 is usual, more is
    better. reference, default_rate, controls, bounds (upper or lower by estimator): what the plan and the accounts
    say. outside: the estimators that stay out
    of spreads, and why. declined: those that have no run with normalize=area, and why.
    """
    tasks = tasks if isinstance(tasks, Mapping) else {name: TASKS[name] for name in tasks}
    draw, frames, accounts, refused = np.random.default_rng(chance), [], [], []
    steps = np.arange(rows) * 100
    for task, has in tasks.items():
        for (rank, estimator), (at, optimizer), normalize in itertools.product(
            enumerate(estimators), enumerate(optimizers), normalizes
        ):
            run, ids = name(task, estimator, optimizer, normalize), []
            if normalize == "area" and estimator in (declined or {}):
                words = {"run": run, "task": task, "estimator": estimator, "optimizer": optimizer}
                refused.append({**words, "normalize": normalize, "reason": declined[estimator]})
                continue
            for rate, seed in itertools.product(rates, range(seeds)):
                off = abs(np.log10(rate / sorted(rates)[len(rates) // 2]))
                far = merit(estimator, normalize, rate, seed) if merit else 2 + 0.5 * rank + 0.3 * at - 0.8 * off
                ids.append(_hash(run, rate, seed))
                progress = np.linspace(0, 1, rows) * far
                lost = diverged(estimator, rate, seed) & (steps >= steps[-1] / 2)
                noise = spread * draw.normal(size=(4, rows))
                frames.append(
                    pd.DataFrame(
                        {
                            "run": run,
                            "task": task,
                            "estimator": estimator,
                            "estimator_weights": estimator,
                            "optimizer": optimizer,
                            "forward": "sign",
                            "at_zero": 1,
                            "normalize": normalize,
                            "data": pd.array([has["data"]] * rows, "string"),
                            "precision": "float32",
                            "device": "cpu",
                            "replica": ids[-1],
                            "seed": seed,
                            "learning_rate": rate,
                            "step": steps,
                            "examples": steps * 64,
                            "evaluations": steps,
                            "train_s": steps / has["pace"],
                            "block": has["block"],
                            **_measures(has, progress, noise, lost),
                            "gradient_norm": np.where(lost, np.nan, 0.1),
                            **_sites(progress, lost),
                            "diverged": np.where(lost, steps[-1] / 2, np.nan) if rows > 1 else np.nan,
                        }
                    )
                )
            for part in range(parts):
                account = _account(has, (task, estimator, optimizer, normalize), ids[part::parts], draw)
                told = {"control": True} if estimator in controls else {}
                told |= {"bound": bounds[estimator]} if estimator in (bounds or {}) else {}
                told |= {"outside_spread": outside[estimator]} if estimator in (outside or {}) else {}
                accounts.append({**account, **told})
    declared = {k: v for has in tasks.values() for k, v in has["measures"].items()}
    made = schema.check(pd.concat(frames, ignore_index=True), declared)
    rates_of = {account["run"]: default_rate for account in accounts if default_rate is not None}
    plan = PlanFacts(reference, tuple(map(UnsupportedPair.read, refused)), default_rates=rates_of)
    return ResultSet(made, tuple(accounts), dict(missing or {}), plan)


def measured(results: ResultSet, knob: str = "estimator.scale", smoothing: Sequence[float] = ()) -> ResultSet:
    """Records of `make` as if each replica had measured fidelity: its rows are states, and its rate is a number of its
    estimator. Of the first estimator the bias is 0.3 of the truth, of the others none is seen.

    Args:
        results: of `make`.
        knob: the column that has the rates.
        smoothing: spreads of a smoothed reference, one a seed in turn; none: it is another one.

    Returns:
        Rows that are checked by the schema.
    """
    if results.rows.empty:
        return results
    rows, first = results.rows.copy(), results.rows["estimator"].iloc[0]
    biased = (rows["estimator"] == first).to_numpy()
    rows["fidelity.role"], rows["fidelity.delta"], rows[knob] = "estimate", 0.01, rows["learning_rate"]
    rows["learning_rate"], rows["calls"], rows["call_s"], rows["evaluations"] = 0.01, 20_000, 2e-6, 2
    rows["truth_norm"], rows["truth_error"], rows["bias_square_se"] = 0.1, 0.0, 1e-4
    rows["bias_square"] = np.where(biased, 0.09, 1e-5) + 1e-6 * rows["seed"]
    rows["bias_bound"], rows["bias_p"] = np.where(biased, 0.32, 0.008), np.where(biased, 1e-9, 0.7)
    rows["variance"], rows["calls_needed"] = 4.0 + rows[knob], 1e5
    rows["cosine"] = np.where(biased, 0.9, 0.999) - 0.001 * rows["seed"]
    rows["cosine_se"], rows["call_cosine"] = 0.001, 0.3
    rows["full_loss"], rows["step_change"] = 2.0, -0.02 - 0.001 * rows["seed"]
    if smoothing:
        rows["fidelity.truth"] = "smoothed"
        rows["fidelity.smoothing"] = [smoothing[seed % len(smoothing)] for seed in rows["seed"]]
    declared = {name: of for has in TASKS.values() for name, of in has["measures"].items()}
    return replace(results, rows=schema.check(rows, declared))


def made_for(figure: str, **given: Any) -> ResultSet:
    """Records of `make` that a figure can be drawn of: measured ones, where it shows what was measured."""
    if figure not in MEASURED:
        return make(**given)
    return measured(make(**given | ({} if figure == "knobs" else {"rates": (0.1,)})))


def declaring(results: ResultSet, **facts: Any) -> ResultSet:
    """The same results of a plan that declared something else."""
    return replace(results, plan=replace(results.plan, **facts))


def name(task: str, estimator: str, optimizer: str, normalize: str = "none") -> str:
    """The name of a run."""
    return f"{task}-{estimator}-{optimizer}-{_hash(task, estimator, optimizer, *_scaled(normalize))[:8]}"


def _scaled(normalize):
    return () if normalize == "none" else (normalize,)


def _measures(has, progress, noise, lost):
    loss = np.where(lost, np.nan, 2.3 * np.exp(-progress + noise[0]))
    if has["reports"] == "train_loss":
        wrong = np.where(lost, 1.0, progress < 0.5 * progress[-1])
        return {"train_loss": np.where(loss < 0.25, 0.0, loss), "wrong_signs": wrong}
    share = [1 / (1 + np.exp(2.2 - 2 * progress + n)) for n in noise[1:3]]
    return {
        "train_loss": loss,
        "validation_loss": loss * 1.1,
        "validation_accuracy": np.where(lost, np.nan, share[0]),
        "test_loss": loss * 1.1,
        "test_accuracy": np.where(lost, np.nan, share[1]),
        "flip_rate": np.abs(noise[3]),
        "saturation": 0.2 + noise[3],
    }


def _sites(progress, lost):
    """Of two hard sites; the second has no slope."""
    norm = np.where(lost, np.nan, np.exp(-progress))
    return {
        "site.downstream_norm.layer1/activations": norm,
        "site.saturation.layer1/activations": np.where(lost, np.nan, progress / 10),
        "site.downstream_norm.layer1/weights": 2 * norm,
    }


def _account(has, words, ids, draw):
    pace = has["pace"] * draw.uniform(0.9, 1.1)
    return {
        **{key: has[key] for key in ("measures", "selects", "reports", "target", "optimum", "block")},
        "run": name(*words),
        "fingerprint": "f" * 16,
        "replicas": ids,
        "configuration": {"steps": 1000},
        "labels": {"task": has["label"], "estimator": LABELS.get(words[1], words[1]), "optimizer": words[2]},
        "compile_s": 1.5,
        "train_s": 2.0,
        "judge_s": 0.1,
        "replica_steps_per_s": pace,
        "examples_per_s": pace * 64,
        "step_s": {"median": 1 / pace, "q25": 0.9 / pace, "q75": 1.1 / pace},
        "peak_memory_bytes": 2**29,
        "device": "cpu",
        "started": "2026-01-01T00:00:00.000000+00:00",
        "ended": "2026-01-01T00:00:02.000000+00:00",
    }


def _hash(*words):
    return hashlib.sha256(repr(words).encode()).hexdigest()[:16]
