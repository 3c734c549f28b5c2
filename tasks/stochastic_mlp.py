"""A multilayer perceptron whose hidden units are drawn, on images of digits or clothes."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tasks import arguments, layers
from tasks.base import Task
from tasks.drawn import mean_of
from tasks.labelled import labelled


def stochastic_mlp(
    *,
    data: str = "digits",
    labels: str | None = None,
    hidden: tuple[int, ...] = (100,),
    batch: int = 64,
    validation: float = 0.2,
    test: float = 0.2,
    split_seed: int | None = None,
    subsets: int | None = None,
    dtype: str = "float32",
) -> Task:
    """A network of real weights whose hidden units are bits b ~ Bernoulli(σ(φ)), which the next layer sees as 2b − 1
    (Raiko, Berglund, Alain, Dinh 2015, arXiv:1406.2989, have such layers). The loss is the cross entropy at the draw.

    With `function=step` the same network decides instead of drawing. It is judged without noise, by the likelier bits.
    Its control is `estimator=zero`, by which all layers but the last stay as they start: what is above that was learned
    through draws.

    Weights start Glorot-uniform, shifts at 0.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load).
        labels: the path of the labels, where the data do not have them; of a CSV the name of their column.
        hidden: widths of the hidden layers.
        batch: examples of a step, no more than there are to train on.
        validation: share of the examples that settings are chosen by, drawn with `split_seed`.
        test: share of the examples that is reported; a set with test files of its own keeps them.
        split_seed: as of binarized_mlp.
        subsets: as of binarized_mlp.
        dtype: of the parameters and of all products: `float32` or `float64`.

    Returns:
        The task. It is chosen by `validation_accuracy` and reports `test_accuracy`, shares.

    Raises:
        UserError: for arguments that make no such task, and for data that cannot be read.
    """
    hidden = tuple(hidden)
    split: dict[str, Any] = {
        "batch": batch,
        "validation": validation,
        "test": test,
        "split_seed": split_seed,
        "subsets": subsets,
    }
    arguments.stochastic_mlp(hidden=hidden, **split)
    examples = labelled(data, labels, **split, dtype=dtype)
    widths = (examples.features, *hidden, examples.classes)
    numbered = range(1, len(widths))
    sizes: dict[str, tuple[int, ...]] = {f"layer{i}/weights": (widths[i - 1], widths[i]) for i in numbered}
    sizes |= {f"layer{i}/shift": (widths[i],) for i in numbered}

    def start(chance, problem):
        return layers.start(chance, sizes, dtype)

    def forward(parameters, x, hard):
        for i in numbered:
            x = tf.matmul(x, parameters[f"layer{i}/weights"]) + parameters[f"layer{i}/shift"]
            if i < len(widths) - 1:
                x = 2 * hard(x, at=f"layer{i}/activations") - 1
        return x

    def losses(parameters, batch, hard, chance, problem):
        x, y = batch
        return layers.losses("cross_entropy", forward(parameters, x, hard), y), {}

    def judge(parameters, hard, problem):
        def each(outputs, y):
            return layers.losses("cross_entropy", outputs, y)

        return examples.judge(problem, lambda x: forward(parameters, x, hard), each)

    size = [float(np.sqrt(np.mean(np.square(examples.whole.x, dtype=np.float64)))), *[1.0] * len(hidden)]
    spreads = {
        f"layer{i}/activations": size[i - 1] * math.sqrt(2 * widths[i - 1] / (widths[i - 1] + widths[i]))
        for i in numbered[:-1]
    }
    return Task(
        name="stochastic_mlp",
        label=f"Stochastic MLP ({'-'.join(map(str, widths))})",
        start=start,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={},
        target=("validation_accuracy", 0.9),
        sizes=sizes,
        flops=layers.step_flops(batch, [sizes[f"layer{i}/weights"] for i in numbered]),
        forwards=("bernoulli", "step"),
        spreads=spreads,
        **examples.fields,
    )
