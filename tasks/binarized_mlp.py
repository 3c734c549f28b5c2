"""A multilayer perceptron with hard weights and hard activations, on images of digits or clothes."""

import math

import numpy as np
import tensorflow as tf

from steeplechase.errors import UserError
from tasks import arguments
from tasks.base import Draw, Task
from tasks.data.sets import load
from tasks.data.split import SHUFFLED, part_sizes, split, subset_places

EPSILON = 1e-4  # batch norm, as in BinaryNet's code
PIECE = 1024  # examples judged at once: bounds the memory, not the numbers


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
    examples = load(data, labels)
    places = None if subsets is None else subset_places(examples, subsets, batch, validation=validation, test=test)
    counts = part_sizes(examples, validation=validation, test=test, subsets=subsets or 1)
    if batch > counts["train"]:
        raise UserError(f"task.batch is {batch}, but {data} leaves only {counts['train']} training examples.")

    widths = (examples.x.shape[1], *hidden, examples.classes)
    layers = range(1, len(widths))
    sizes: dict[str, tuple[int, ...]] = {f"layer{i}/weights": (widths[i - 1], widths[i]) for i in layers}
    sizes |= {f"layer{i}/scale": (widths[i],) for i in layers if batch_norm}
    sizes |= {f"layer{i}/shift": (widths[i],) for i in layers}
    if split_seed is None:
        parts = {"train": examples} | ({"test": examples.test} if examples.test is not None else {})
    else:
        parts = vars(split(examples, seed=split_seed, validation=validation, test=test))
    arrays = {name: (tf.constant(part.x, dtype), tf.constant(part.y)) for name, part in parts.items()}

    def problem(chance, draw):
        if places is None:
            order = chance.of("split").permutation(len(examples.y))
        else:
            order = tf.gather(tf.constant(places, tf.int32), draw)
        return dict(zip(counts, tf.split(order, list(counts.values())), strict=True))

    def part_of(name, problem, at, end):
        """(x, y) of a part's examples from one place to another: those of the replica's split, or everybody's."""
        if name in problem:
            return tuple(tf.gather(array, problem[name][at:end]) for array in arrays["train"])
        return tuple(array[at:end] for array in arrays[name])

    def start(chance, problem):
        parameters = {}
        for name, shape in sizes.items():
            if name.endswith("weights"):
                reach = init_scale * math.sqrt(6 / sum(shape))
                parameters[name] = tf.cast((chance.of(name).uniform(shape) * 2 - 1) * reach, dtype)
            else:
                parameters[name] = (tf.ones if name.endswith("scale") else tf.zeros)(shape, dtype)
        return parameters

    def layer(parameters, i, x, hard, statistics=None):
        """One layer's product, normalised by the statistics given or by its own; and the statistics used."""
        h = tf.matmul(x, hard(parameters[f"layer{i}/weights"], at=f"layer{i}/weights"))
        if not batch_norm:
            return h / math.sqrt(widths[i - 1]) + parameters[f"layer{i}/shift"], None
        if statistics is None:
            mean = tf.reduce_mean(h, 0)
            statistics = mean, tf.reduce_mean(tf.square(h - mean), 0)
        mean, variance = statistics
        gain = parameters[f"layer{i}/scale"] * tf.math.rsqrt(variance + EPSILON)
        return (h - mean) * gain + parameters[f"layer{i}/shift"], statistics

    def forward(parameters, x, hard, statistics=None):
        """The network's outputs, and each layer's statistics."""
        used = []
        for i in layers:
            x, own = layer(parameters, i, x, hard, statistics and statistics[i - 1])
            used.append(own)
            if i < len(widths) - 1:
                x = hard(x, at=f"layer{i}/activations")
        return x, used

    def losses(outputs, y):
        if loss == "cross_entropy":
            return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=outputs)
        signs = 2 * tf.one_hot(y, widths[-1], dtype=outputs.dtype) - 1
        return tf.reduce_mean(tf.square(tf.nn.relu(1 - signs * outputs)), -1)

    def training_loss(parameters, batch, hard, chance, problem):
        x, y = batch
        outputs, _ = forward(parameters, x, hard)
        return tf.reduce_mean(losses(outputs, y)), {}

    def judge(parameters, hard, problem):
        _, statistics = forward(parameters, part_of("train", problem, 0, reference)[0], hard)
        measures: dict[str, tf.Tensor] = {}
        for name in ("validation", "test"):
            total, right, count = tf.zeros([], dtype), tf.zeros([], dtype), counts.get(name) or len(parts[name].y)
            for at in range(0, count, PIECE):
                x, y = part_of(name, problem, at, min(count, at + PIECE))
                outputs, _ = forward(parameters, x, hard, statistics if batch_norm else None)
                total += tf.reduce_sum(losses(outputs, y))
                right += tf.reduce_sum(tf.cast(tf.argmax(outputs, -1, tf.int32) == y, dtype))
                finite = tf.reduce_all(tf.math.is_finite(outputs))
                right = tf.where(finite, right, tf.constant(np.nan, dtype))  # argmax answers even where all is NaN
            measures |= {f"{name}_loss": total / count, f"{name}_accuracy": right / count}
        return measures

    # A test part that comes with the data is in every draw: they say nothing of other test examples.
    overlap = None
    if "test" in counts:
        overlap = counts["test"] / counts["train"] if places is None else 0.0
    spreads = {f"layer{i}/weights": init_scale * math.sqrt(2 / (widths[i - 1] + widths[i])) for i in layers}
    spreads |= {f"layer{i}/activations": 1.0 for i in layers[:-1]}
    if not batch_norm:
        spreads["layer1/activations"] = float(np.sqrt(np.mean(np.square(examples.x, dtype=np.float64))))
    products = sum(math.prod(sizes[f"layer{i}/weights"]) for i in layers)
    first = math.prod(sizes["layer1/weights"])
    return Task(
        name="binarized_mlp",
        label=f"Binarized MLP ({'-'.join(map(str, widths))})",
        start=start,
        loss=training_loss,
        judge=judge,
        measures={},
        selects="validation_accuracy",
        reports="test_accuracy",
        target=("validation_accuracy", 0.9),
        sizes=sizes,
        # Three products a layer, two in the first, whose input needs no gradient.
        flops=2.0 * batch * (3 * products - first),
        weights=tuple(name for name in sizes if name.endswith("weights")),
        examples=(parts["train"].x, parts["train"].y),
        batch=batch,
        bounds={f"layer{i}/weights": (-1.0, 1.0) for i in layers} if clip else {},
        forwards=("sign", "step", "identity", "hard_tanh"),
        checksum=examples.checksum,
        remarks=examples.remarks,
        problem=problem if split_seed is None else None,
        training=counts["train"],
        draw=Draw("split", split_seed, overlap) if places is None else Draw("subset", None, overlap, SHUFFLED),
        can_fail=False,  # none of 144 trainings at chosen rates ended below the target (nine methods, commit a63a4e1)
        spreads=spreads,
    )
