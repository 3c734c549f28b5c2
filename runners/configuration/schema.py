"""The typed schema of conf/config.yaml, where configurations lie, and what is the most of anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from results.records.place import DEFAULT
from steeplechase.errors import UserError

SWEEP = "STEEPLECHASE_SWEEP"  # in the environment: the process of the command, for those that must not outlive it
_ROOT = Path(__file__).resolve().parents[2]
_PACKED = _ROOT / "runners" / "conf"  # where a wheel has it (pyproject.toml)
CHECKOUT = None if _PACKED.is_dir() else _ROOT  # the repository's folder; None for an installed copy
CONF = _ROOT / "conf" if CHECKOUT else _PACKED
GROUPS = ("task", "estimator", "function", "optimizer", "experiment")
AT_WEIGHTS = {"estimator_weights": "estimator", "function_weights": "function"}  # the groups that they choose from
PARTS = {**{group: group for group in GROUPS[:-1]}, **AT_WEIGHTS}  # what is chosen, and the group that it is from
BY_NAME = ("margins", "looks")  # keys that have one of their own for each task, estimator or method
DECAYS = ("cosine", "linear", "constant")  # shapes of schedules
INT32_MAX = 2**31 - 1  # seeds and sizes are int32
SMOOTHED, NOISE, POPULATION = AVERAGES = "smoothed", "noise", "population"  # of a loss without draws


@dataclass
class Fidelity:
    """What is measured of estimators, where `calls` is above 0: nothing is trained but the reference.

    Attributes:
        calls: independent calls of each estimator at each state; 0: estimators are raced, and not measured.
        at: where on the way of the reference training the states are, shares of its steps.
        along: the estimator of that training.
        truth: the estimator whose mean is the reference gradient; or of networks that draw nothing the gradient of the
            loss, averaged over normal noise around the parameters (smoothed), over logistic noise at every hard site
            (noise), or over all inputs, where that is a closed form (population).
        truth_calls: calls of that one, where they differ from each other.
        smoothing: of that noise: the standard deviation of `truth=smoothed`, in root mean squares of each parameter, or
            the scale of `truth=noise`, in spreads of what arrives at the site.
        warm_up: calls before the first, by which an estimator with a memory fills it; during the calls it stays.
        delta: the share of the reference's length that counts as a bias.
        role: what the run is: estimate; training or truth, which the others rest on, are planned by themselves.
    """

    calls: int = 0
    at: list[float] = field(default_factory=lambda: [0.0, 0.1, 0.5, 1.0])
    along: str = ""
    truth: str = ""
    truth_calls: int = 100_000
    smoothing: float = 0.3
    warm_up: int = 200
    delta: float = 0.01
    role: str = "estimate"


@dataclass
class Sweep:
    """Every key of conf/config.yaml. A list where the type is Any makes replicas.

    Attributes:
        task: name, steps, and the page's arguments.
        estimator: name, and the page's parameters: each makes replicas.
        estimator_weights: the same for hard weights; empty: the same estimator.
        function: name of the hard function, and its parameters.
        function_weights: the same for hard weights; empty: the same function.
        optimizer: name, keras, learning_rate (makes replicas), arguments.
        seed: makes replicas.
        seeds_per_draw: how many seeds meet one draw of the problem (its split, subset or instance), each with a start
            and an order of examples of its own: seed s meets draw s // seeds_per_draw.
        normalize: scale the slope: none, peak, area, or with several jumps period.
        width: half-width of the slopes, in spreads of what arrives at each hard site; null: each has its own (makes
            replicas).
        decay: how a learning rate that is a number goes to 0 over training: cosine or linear; constant: it does not.
        steps: updates.
        record_points: recorded steps after the start, evenly spread.
        gradient_flow: record what flows back through each hard site, too.
        precision: float32, float64, or tf32 (a GPU's short products).
        device: auto, cpu or gpu.
        block: replicas in one compiled call; null: by the trainer's rule.
        parallel_blocks: blocks trained at a time, with the same numbers; null: one a core, or one on a GPU.
        store: where records, plans and figures go.
        checkpoint: seconds after which a block's state is saved, later where that would take more than 2 % of the
            time; 0: after every recorded step.
        reference: the estimator that the others are contrasted with; "": up to ten methods are compared in all pairs.
        margins: by task, a difference of its measure that does not matter.
        looks: by estimator, or by method as it is printed, what figures and tables give it: colour, marker, label,
            order (results/drawing/looks.py).
        bounds: runs beside the product of the axes, a line of overrides each, which are drawn as bounds of what is
            compared; those of an experiment are left out where the command itself chooses estimators or functions.
        name: of the plan, and so of its figures and its report; empty: the experiment's own, with a hash of what the
            command changes.
        compare: keys of swept numbers, as `estimator.scale` or of one page `estimator.tanh_slope.scale`: each value is
            a method of its own, rather than one that validation may choose.
        fidelity: how far estimates are from the gradient, in place of a race: calls, and what they are held against.
        settings: a frozen table: each run is trained at the setting that it has chosen there, on other seeds.
        untuned: with `settings`: at its optimizer's default rate and, where widths were swept, at a width of 1 instead.
        strict: refuse tables that would compare against a rule, rather than say so in them.
        plan: print what is done, missing or stale, and train nothing; json: what is missing as data (runners.shard).
        submit: wait, or leave: with hydra/launcher=slurm, end once all is submitted.
        figures: drawn at the end.
        tables: printed at the end.
        progress: which run of how many: set by the sweeper.
    """

    task: dict[str, Any] = field(default_factory=dict)
    estimator: dict[str, Any] = field(default_factory=dict)
    estimator_weights: dict[str, Any] = field(default_factory=dict)
    function: dict[str, Any] = field(default_factory=dict)
    function_weights: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    seed: Any = 0
    seeds_per_draw: int = 1
    normalize: str = "none"
    width: Any = None
    decay: str = "cosine"
    steps: int = 1000
    record_points: int = 10
    gradient_flow: bool = False
    precision: str = "float32"
    device: str = "auto"
    block: int | None = None
    parallel_blocks: int | None = None
    store: str = DEFAULT
    checkpoint: float = 10.0
    reference: str = ""
    margins: dict[str, float] = field(default_factory=dict)
    looks: dict[str, Any] = field(default_factory=dict)
    bounds: list[str] = field(default_factory=list)
    name: str = ""
    compare: list[str] = field(default_factory=list)
    fidelity: Fidelity = field(default_factory=Fidelity)
    settings: str = ""
    untuned: bool = False
    strict: bool = False
    plan: Any = False
    submit: str = "wait"
    figures: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    progress: str = ""


MOST = 100_000  # values of an axis, and replicas of a run


def refuse_too_many(what: str, number: int, of: str, most: int = MOST) -> None:
    """Refuses what would take all memory before anybody sees that it was a slip.

    Args:
        what: the beginning of the sentence: "the sweep has".
        number: how many there are.
        of: what they are: "runs".
        most: how many there may be.

    Raises:
        UserError: for more than that.
    """
    if number > most:
        raise UserError(f"{what} {number:,} {of}, but {most:,} is the most.")
