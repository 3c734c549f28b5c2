"""A multilayer perceptron with weights and activations of few bits, whose steps are learned, on labelled examples."""

import math

import tensorflow as tf

from steeplechase.errors import UserError
from tasks import arguments, layers
from tasks.base import Measure, Task
from tasks.labelled import labelled


def quantized_mlp(
    *,
    data: str = "digits",
    labels: str | None = None,
    hidden: tuple[int, ...] = (64, 32),
    ends: str = "quantized",
    per: str = "tensor",
    batch: int = 64,
    validation: float = 0.2,
    test: float = 0.2,
    reference: int = 2048,
    split_seed: int | None = None,
    subsets: int | None = None,
    dtype: str = "float32",
) -> Task:
    """A network as quantization-aware training has it (Esser et al. 2020, arXiv:1902.08153): product, batch norm, ReLU,
    and each weight and each activation is rounded in units of a step that is trained with the network.

    Weights are signed and activations are not, so they have hard functions of their own: `function=round
    function.range=unsigned function@function_weights=round`. With `function=identity` it is the same network with real
    weights and activations: what rounding costs is seen against that. How a step is learned is the estimator's:
    by all of them as in LSQ, but by those that are there for another rule (`pact`, `tqt`, `lsq_log`). It starts where
    that rule has it, by the weights at the start and by what the first batch brings.

    Latent weights start Glorot-uniform, scales at 1, shifts at 0. The input is real.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load).
        labels: the path of the labels, where the data do not have them; of a CSV the name of their column.
        hidden: widths of the hidden layers.
        ends: `quantized`, or `real`: the weights of the first and the last layer are.
        per: a step for each `tensor`, or of weights for each `channel`: what leads to one unit.
        batch: examples of a step, no more than there are to train on.
        validation: share of the examples that settings are chosen by, drawn with `split_seed`.
        test: share of the examples that is reported; a set with test files of its own keeps them.
        reference: how many training examples give the statistics that replace the batch's when judging.
        split_seed: of the permutation that splits the examples, which all replicas then share. None: each draw has
            its own.
        subsets: into how many disjoint subsets of equal size the examples are parted, one a draw. None: every draw
            splits all examples.
        dtype: of the parameters and of all products: `float32` or `float64`.

    Returns:
        The task. It is chosen by `validation_accuracy` and reports `test_accuracy`, shares. `switches` is the share of
        weights whose level another update changed: what oscillates does so again and again.

    Raises:
        UserError: for arguments that make no such task, for data that cannot be read, and for a hard function of
            weights that has no level below zero.
    """
    hidden = tuple(hidden)
    arguments.quantized_mlp(
        hidden=hidden,
        ends=ends,
        per=per,
        batch=batch,
        validation=validation,
        test=test,
        reference=reference,
        split_seed=split_seed,
        subsets=subsets,
    )
    examples = labelled(
        data,
        labels,
        batch=batch,
        validation=validation,
        test=test,
        split_seed=split_seed,
        subsets=subsets,
        dtype=dtype,
    )
    widths = (examples.features, *hidden, examples.classes)
    numbered, last = range(1, len(widths)), len(widths) - 1
    weights = tuple(f"layer{i}/weights" for i in numbered if ends == "quantized" or 1 < i < last)
    sizes: dict[str, tuple[int, ...]] = {f"layer{i}/weights": (widths[i - 1], widths[i]) for i in numbered}
    sizes |= {f"layer{i}/scale": (widths[i],) for i in numbered[:-1]}
    sizes |= {f"layer{i}/shift": (widths[i],) for i in numbered}
    step_sizes = {site: f"{site}/step" for site in (*weights, *(f"layer{i}/activations" for i in numbered[:-1]))}
    sizes |= {
        name: sizes[site][1:] if per == "channel" and site in weights else () for site, name in step_sizes.items()
    }

    def start(chance, problem):
        return layers.start(chance, sizes, dtype)

    def rounded(parameters, x, hard, site):
        return hard(x, at=site, step_size=parameters[step_sizes[site]])

    def forward(parameters, x, hard, statistics=None):
        """The network's outputs, and the statistics of each hidden layer."""
        used: list[layers.Statistics] = []
        for i in numbered:
            kernel, shift = f"layer{i}/weights", parameters[f"layer{i}/shift"]
            w = parameters[kernel]
            h = tf.matmul(x, rounded(parameters, w, hard, kernel) if kernel in weights else w)
            if i == last:
                return h + shift, used
            h, own = layers.batch_norm(h, parameters[f"layer{i}/scale"], shift, statistics and statistics[i - 1])
            used.append(own)
            x = rounded(parameters, tf.nn.relu(h), hard, f"layer{i}/activations")

    def losses(outputs, y):
        return layers.losses("cross_entropy", outputs, y)

    def loss(parameters, batch, hard, chance, problem):
        x, y = batch
        return tf.reduce_mean(losses(forward(parameters, x, hard)[0], y)), {}

    def judge(parameters, hard, problem):
        _, statistics = forward(parameters, examples.part("train", problem, 0, reference)[0], hard)
        measures = examples.judge(problem, lambda x: forward(parameters, x, hard, statistics)[0], losses)
        away = [tf.reduce_sum(tf.square(rounded(parameters, parameters[n], hard, n) - parameters[n])) for n in weights]
        whole = [tf.reduce_sum(tf.square(parameters[name])) for name in weights]
        return measures | {"rounding_error": tf.sqrt(tf.add_n(away) / tf.add_n(whole))}

    def each_update(before, after, hard, problem):
        old, new = ([_levels(of, hard, n) for n in weights] for of in (before, after))
        other = [tf.reduce_sum(tf.cast(tf.abs(a - b) > 0.5, dtype)) for a, b in zip(old, new, strict=True)]
        return {"switches": tf.add_n(other) / sum(math.prod(sizes[n]) for n in weights)}

    def _levels(parameters, hard, site):
        """Hard weights in units of their step; neighbours are 1 apart."""
        step = hard.step(parameters[site], site, parameters[step_sizes[site]])
        value = rounded(parameters, parameters[site], hard, site)
        return value if step is None else value / step

    task = Task(
        name="quantized_mlp",
        label=f"Quantized MLP ({'-'.join(map(str, widths))})",
        start=start,
        loss=loss,
        judge=judge,
        each_update=each_update,
        measures={
            "rounding_error": Measure("Rounding error of weights", "share of their norm", "", (0.0, math.inf)),
            "switches": Measure("Switches", "per weight and update", "", (0.0, 1.0)),
        },
        target=("validation_accuracy", 0.9),
        sizes=sizes,
        flops=layers.step_flops(batch, [sizes[f"layer{i}/weights"] for i in numbered]),
        weights=weights,
        forwards=("round", "ternary", "midrise", "identity"),
        step_sizes=step_sizes,
        can_fail=False,  # none of 1,152 trainings of nine methods at four rates ended below the target (2026-11-30)
        for_levels=lambda levels: _signed(levels, task),
        **examples.fields,
    )
    return task


def _signed(levels: tuple[float, ...], task: Task) -> Task:
    """The same task, for weights with levels on both sides of zero."""
    if levels[0] >= 0:
        raise UserError(
            f"the weights of {task.name} are signed, but their hard function has no level below zero: add "
            "function@function_weights=round."
        )
    return task
