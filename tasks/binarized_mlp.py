"""A multilayer perceptron with hard weights and hard activations, on images of digits or clothes."""

import math

import numpy as np
import tensorflow as tf

from tasks import arguments, layers
from tasks.base import Task
from tasks.labelled import labelled


def binarized_mlp(
    *,
    data: str = "digits",
    labels: str | None = None,
    hidden: tuple[int, ...] = (128, 128),
    batch_norm: bool = True,
    loss: str = "cross_entropy",
    clip: bool = False,
    init_scale: float = 1.0,
    batch: int = 64,
    validation: float = 0.2,
    test: float = 0.2,
    reference: int = 2048,
    split_seed: int | None = None,
    subsets: int | None = None,
    dtype: str = "float32",
) -> Task:
    """A network of the BinaryNet kind (Hubara et al. 2016, arXiv:1602.02830): every weight matrix is hard, every hidden
    activation is hard, the first layer's input is real, batch norm follows each product.

    With `function=hard_tanh function@function_weights=identity` it is the same network with real weights and
    activations, and with the latter alone that with real weights and hard activations: what hard parts cost is seen
    against these.

    Latent weights start Glorot-uniform, scales at 1, shifts at 0. The spread of weights is then √(2/(fan-in + fan-out))
    times `init_scale`, that of what arrives at activations 1 by batch norm; without it a product of signs divided by
    √fan-in has a spread of 1, and the first layer's one of √(mean of x²) over all examples.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load).
        labels: the path of the labels, where the data do not have them; of a CSV the name of their column.
        hidden: widths of the hidden layers.
        batch_norm: without it a product is divided by √fan-in and a bias is added.
        loss: `cross_entropy` or `squared_hinge` (with targets ±1, as in BinaryNet).
        clip: keep the latent weights within [−1, 1].
        init_scale: multiplies the latent weights' start.
        batch: examples of a step, no more than there are to train on.
        validation: share of the examples that settings are chosen by, drawn with `split_seed`.
        test: share of the examples that is reported; a set with test files of its own keeps them.
        reference: how many training examples give the statistics that replace the batch's when judging.
        split_seed: of the permutation that splits the examples, which all replicas then share. None: each draw has
            its own. A test part that comes with the data is everybody's.
        subsets: into how many disjoint subsets of equal size the examples are parted, of which draw i has the i-th and
            splits it by the same shares, so that no two draws have an example in common; a few examples may be in none.
            None: every draw splits all examples.
        dtype: of the parameters and of all products: `float32` or `float64`.

    Returns:
        The task. It is chosen by `validation_accuracy` and reports `test_accuracy`, shares.

    Raises:
        UserError: for arguments that make no such task, and for data that cannot be read.
    """
    hidden = tuple(hidden)
    arguments.binarized_mlp(
        hidden=hidden,
        loss=loss,
        init_scale=init_scale,
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
    numbered = range(1, len(widths))
    sizes: dict[str, tuple[int, ...]] = {f"layer{i}/weights": (widths[i - 1], widths[i]) for i in numbered}
    sizes |= {f"layer{i}/scale": (widths[i],) for i in numbered if batch_norm}
    sizes |= {f"layer{i}/shift": (widths[i],) for i in numbered}

    def start(chance, problem):
        return layers.start(chance, sizes, dtype, init_scale)

    def layer(parameters, i, x, hard, statistics):
        """One layer's product, normalised by the statistics given or by its own; and the statistics used."""
        h, shift = tf.matmul(x, hard(parameters[f"layer{i}/weights"], at=f"layer{i}/weights")), f"layer{i}/shift"
        if not batch_norm:
            return h / math.sqrt(widths[i - 1]) + parameters[shift], None
        return layers.batch_norm(h, parameters[f"layer{i}/scale"], parameters[shift], statistics)

    def forward(parameters, x, hard, statistics=None):
        """The network's outputs, and each layer's statistics."""
        used = []
        for i in numbered:
            x, own = layer(parameters, i, x, hard, statistics and statistics[i - 1])
            used.append(own)
            if i < len(widths) - 1:
                x = hard(x, at=f"layer{i}/activations")
        return x, used

    def losses(outputs, y):
        return layers.losses(loss, outputs, y)

    def training_loss(parameters, batch, hard, chance, problem):
        x, y = batch
        outputs, _ = forward(parameters, x, hard)
        return tf.reduce_mean(losses(outputs, y)), {}

    def judge(parameters, hard, problem):
        _, statistics = forward(parameters, examples.part("train", problem, 0, reference)[0], hard)
        fixed = statistics if batch_norm else None
        return examples.judge(problem, lambda x: forward(parameters, x, hard, fixed)[0], losses)

    spreads = {f"layer{i}/weights": init_scale * math.sqrt(2 / (widths[i - 1] + widths[i])) for i in numbered}
    spreads |= {f"layer{i}/activations": 1.0 for i in numbered[:-1]}
    if not batch_norm:
        spreads["layer1/activations"] = float(np.sqrt(np.mean(np.square(examples.whole.x, dtype=np.float64))))
    return Task(
        name="binarized_mlp",
        label=f"Binarized MLP ({'-'.join(map(str, widths))})",
        start=start,
        loss=training_loss,
        judge=judge,
        measures={},
        target=("validation_accuracy", 0.9),
        sizes=sizes,
        flops=layers.step_flops(batch, [sizes[f"layer{i}/weights"] for i in numbered]),
        weights=tuple(name for name in sizes if name.endswith("weights")),
        bounds={f"layer{i}/weights": (-1.0, 1.0) for i in numbered} if clip else {},
        forwards=("sign", "step", "identity", "hard_tanh"),
        can_fail=False,  # none of 144 trainings at chosen rates ended below the target (nine methods, commit a63a4e1)
        spreads=spreads,
        **examples.fields,
    )
