"""The words of a record: every column once, with its unit, its meaning and which way is better."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from steeplechase.errors import RecordError

VERSION = 1


@dataclass(frozen=True)
class Column:
    """One column: its kind ("text", "count" or "number"), what it says, its unit, which way is better, if any, and of a

    Attributes:
        kind: "text", "count" or "number".
        meaning: what it says.
        unit: as it is printed; "1" of a pure number, "" where it has none.
        better: "higher" or "lower"; "" where it has no direction.
        required: whether every record has it.
        bounds: of a measure its smallest and its largest possible value.
    """

    kind: str
    meaning: str
    unit: str = ""
    better: str = ""
    required: bool = True
    bounds: tuple[float, float] = (-math.inf, math.inf)


IDENTITY = {
    "run": Column("text", "the run that the replica belongs to: task, estimator, optimizer and program hash"),
    "task": Column("text", "what was descended"),
    "estimator": Column("text", "whose slope stood at hard activations"),
    "estimator_weights": Column("text", "whose slope stood at hard weights; missing where there are no latent weights"),
    "optimizer": Column("text", "the name in conf/optimizer"),
    "forward": Column("text", "the hard function"),
    "at_zero": Column("count", "the sign given to zero; missing for functions without that choice"),
    "normalize": Column("text", "how the slope was scaled: none, peak, area or period"),
    "decay": Column("text", "how a learning rate went to 0: cosine or linear; constant: it did not", "", "", False),
    "data": Column("text", "the data set's name or file name; missing where there is none"),
    "precision": Column("text", "the number type of parameters and examples"),
    "device": Column("text", "the device class: cpu or gpu"),
    "replica": Column("text", "hash of the program and the replica's own values"),
    "seed": Column("count", "governs the start and the batches"),
    "draw": Column("count", "the draw of the problem that the seed met; missing: each met its own", "", "", False),
    "seeds_per_draw": Column("count", "how many seeds meet one draw; missing: one", "", "", False),
    "learning_rate": Column("number", "the optimizer's learning rate, at the start if it is scheduled"),
}
CLOCK = {
    "step": Column("count", "updates done; row 0 is the start", "updates"),
    "examples": Column("count", "training examples that the updates have used", "examples"),
    "evaluations": Column("count", "calls of the objective per example", "calls"),
    "train_s": Column("number", "compiled training time of the block divided by its replicas, over resumes", "s"),
    "block": Column("count", "replicas that one compiled call trains", "replicas"),
}
MEASURES = {
    "train_loss": Column("number", "loss of the next training batch at these parameters", "1", "lower"),
    "validation_loss": Column("number", "loss on the part that settings are chosen by", "1", "lower", False),
    "validation_accuracy": Column("number", "share of that part answered rightly", "1", "higher", False, (0.0, 1.0)),
    "test_loss": Column("number", "loss on the part that nothing is chosen by", "1", "lower", False),
    "test_accuracy": Column("number", "share of that part answered rightly", "1", "higher", False, (0.0, 1.0)),
    "gradient_norm": Column("number", "Euclidean norm of the gradient of train_loss, as the estimator has it", "1"),
    "flip_rate": Column(
        "number", "share of hard weights whose hard value changed since the row before", "1", "", False
    ),
    "saturation": Column(
        "number", "share of slopes that are exactly zero, over all sites of the batch", "1", "", False
    ),
    "diverged": Column(
        "count",
        "the step at which the loss or a parameter was first not finite; missing while all are",
        "updates",
        "",
        False,
    ),
}
FIDELITY = {  # of runs that measure how far estimates are from a reference gradient, at the states of a training
    "calls": Column("count", "independent calls of the estimator at this state", "calls", "", False),
    "truth_norm": Column("number", "length of the reference gradient; missing where it may be 0", "1", "", False),
    "truth_error": Column("number", "its standard error, as a share of it; 0 where it is exact", "1", "", False),
    "bias_square": Column(
        "number", "squared bias, unbiased and so maybe negative, in squared lengths of the reference", "1", "", False
    ),
    "bias_square_se": Column("number", "its standard error", "1", "", False),
    "bias_bound": Column("number", "95 % bound of the bias, in lengths of the reference", "1", "lower", False),
    "bias_p": Column("number", "p of there being no bias, over 17 directions for each parameter", "1", "", False),
    "calls_needed": Column("number", "calls that would show a bias below delta where there is none", "1", "", False),
    "variance": Column("number", "of one call, in squared lengths of the reference", "1", "lower", False),
    "cosine": Column("number", "of the mean of all calls with the reference", "1", "higher", False, (-1.0, 1.0)),
    "cosine_se": Column("number", "its standard error", "1", "", False),
    "call_cosine": Column(
        "number", "mean over calls of the cosine of one call with the reference", "1", "higher", False, (-1.0, 1.0)
    ),
    "call_s": Column("number", "seconds of one call, many at once", "s", "lower", False),
    "full_loss": Column("number", "loss over all that is trained on, with hard values", "1", "lower", False),
    "step_change": Column(
        "number", "what the optimizer's next step, by the mean of all calls, does to that loss", "1", "lower", False
    ),
}
COLUMNS = {**IDENTITY, **CLOCK, **MEASURES, **FIDELITY}
PARTS = ("estimator", "estimator_weights", "function", "function_weights", "task", "optimizer", "fidelity")
PREFIXES = tuple(f"{part}." for part in PARTS)  # a parameter each, as the configuration has it
# Of the slopes, in spreads of what arrives at a site: a parameter without a part, that replicas differ in.
WIDTH = "width"
SITE = "site."  # a column site.STATISTIC.SITE for each of these and each hard site, where `layers` was asked for
SITES = {
    **{
        f"{flow}_{statistic}": Column("number", f"{meaning} over the elements of {what}", "1", "", False)
        for flow, what in (
            ("upstream", "dL/dy, y being the hard output"),
            ("slope", "the slope that stands for the derivative"),
            ("downstream", "what is handed on: upstream × slope"),
        )
        for statistic, meaning in (
            ("norm", "Euclidean norm"),
            ("q05", "5 % quantile"),
            ("median", "median"),
            ("q95", "95 % quantile"),
        )
    },
    "saturation": Column("number", "share of the site's slopes that are exactly zero", "1", "", False),
    "flip_rate": Column(
        "number", "share of the site's hard weights whose hard value changed since the row before", "1", "", False
    ),
    **{name: FIDELITY[name] for name in ("bias_square", "variance", "cosine")},  # of a parameter, by its name
}

_DTYPES = {"text": "string", "count": "Int64", "number": "float64"}


def is_parameter(name: str) -> bool:
    """Whether a column is a parameter, as the configuration has it: a number, or the text of a schedule or a word."""
    return name == WIDTH or name.startswith(PREFIXES)


def as_one_kind(column: pd.Series) -> pd.Series:
    """The column of a parameter, as text where it has numbers beside schedules or words.

    Args:
        column: as it comes of one part, or of several together.

    Returns:
        Numbers as they are, or text.
    """
    mixed = pd.api.types.infer_dtype(column, skipna=True).startswith("mixed")
    return column.astype("string") if mixed else column


def check(table: pd.DataFrame, declared: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    """The table with every column in its type, in the order of this page.

    Args:
        table: one row per replica and recorded step.
        declared: the measures that the task adds, as `{name: {"label", "unit", "better", "bounds"}}`.

    Returns:
        A new frame. Missing is missing (pd.NA or NaN), never zero.

    Raises:
        RecordError: for a column that nobody declared, one that is missing, a value of another kind, or two rows of one
            replica at one step.
    """
    at_sites = sorted(c for c in table.columns if c.startswith(SITE) and c.split(".")[1] in SITES)
    for name in table.columns:
        known = name in COLUMNS or name in declared or is_parameter(name) or name in at_sites
        if not known:
            raise RecordError(f"column '{name}' is neither in results/records/schema.py nor declared by the task.")
    absent = [name for name, column in COLUMNS.items() if column.required and name not in table.columns]
    if absent:
        raise RecordError(f"a record needs the column '{absent[0]}', and has none.")
    typed = {}
    for name in [*COLUMNS, *declared, *at_sites, *sorted(filter(is_parameter, table.columns))]:
        if name not in table.columns:
            continue
        column = table[name]
        if is_parameter(name):
            typed[name] = as_one_kind(column)
            continue
        kind = COLUMNS[name].kind if name in COLUMNS else "number"
        try:
            if kind == "count" and pd.api.types.is_float_dtype(column):
                column = column.astype("float64")  # of which pandas refuses to cut off a fraction
            typed[name] = column.astype(_DTYPES[kind])
        except (TypeError, ValueError) as error:
            raise RecordError(f"column '{name}' holds something that is not a {kind}: {error}.") from None
    out = pd.DataFrame(typed)
    twice = out.duplicated(["replica", "step"])
    if twice.any():
        row = out[twice].iloc[0]
        raise RecordError(f"replica {row.replica} has two rows at step {row.step}.")
    return out
