"""A convolutional network with hard weights and hard activations, on images of digits or clothes."""

import math

import tensorflow as tf

from steeplechase.errors import UserError
from tasks import arguments, layers
from tasks.base import Task
from tasks.labelled import labelled

SIDE = 3  # of a filter
PIECE = 256  # examples judged at once


def binarized_convnet(
    *,
    data: str = "digits",
    labels: str | None = None,
    colours: int = 1,
    channels: tuple[int, ...] = (16, 32, 32),
    pools: int = 2,
    loss: str = "cross_entropy",
    clip: bool = False,
    batch: int = 64,
    validation: float = 0.2,
    test: float = 0.2,
    reference: int = 1024,
    split_seed: int | None = None,
    subsets: int | None = None,
    dtype: str = "float32",
) -> Task:
    """A convolutional network of the BinaryNet kind (Hubara et al. 2016, arXiv:1602.02830): filters of 3 × 3 with hard
    weights, the largest of 2 × 2 places, batch norm, hard activations; then a product with hard weights and batch norm.

    The input is real, and images have zeros around them. With `function=hard_tanh function@function_weights=identity`
    it is the same network with real weights and activations. Where several of 2 × 2 places are the largest, which is
    often so among whole numbers, the first of them gets the gradient.

    Latent weights start Glorot-uniform, scales at 1, shifts at 0: the spread of weights is √(2/(fan-in + fan-out)),
    that of what arrives at activations 1 by batch norm.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load), of square images.
        labels: the path of the labels, where the data do not have them; of a CSV the name of their column.
        colours: numbers of a place of an image, one after another: 1 of grey, 3 of red, green and blue.
        channels: filters of each layer.
        pools: how many of the last layers halve the height and the width of what they see.
        loss: `cross_entropy` or `squared_hinge` (with targets ±1, as in BinaryNet).
        clip: keep the latent weights within [−1, 1].
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
        The task. It is chosen by `validation_accuracy` and reports `test_accuracy`, shares.

    Raises:
        UserError: for arguments that make no such task, for data that cannot be read, and for images whose sides do not
            fit the layers.
    """
    channels = tuple(channels)
    arguments.binarized_convnet(
        colours=colours,
        channels=channels,
        pools=pools,
        loss=loss,
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
        piece=PIECE,
    )
    side = _side(data, examples.features, colours, pools)
    last = len(channels) + 1
    numbered, depths = range(1, last), (colours, *channels)
    # The side of what a layer looks at: those with a pool see half of what the layer before them does.
    sides = [side // 2 ** max(0, i - 1 - (len(channels) - pools)) for i in numbered]
    flat = (side // 2**pools) ** 2 * channels[-1]
    sizes: dict[str, tuple[int, ...]] = {f"layer{i}/weights": (SIDE, SIDE, *depths[i - 1 : i + 1]) for i in numbered}
    sizes[f"layer{last}/weights"] = (flat, examples.classes)
    weights = tuple(sizes)
    sizes |= {
        f"layer{i}/{part}": sizes[f"layer{i}/weights"][-1:] for i in range(1, last + 1) for part in ("scale", "shift")
    }

    def start(chance, problem):
        return layers.start(chance, sizes, dtype)

    def forward(parameters, x, hard, pool, statistics=None):
        """The network's outputs, and each layer's statistics."""
        used = []

        def normalised(h, i):
            own = statistics and statistics[i - 1]
            h, own = layers.batch_norm(h, parameters[f"layer{i}/scale"], parameters[f"layer{i}/shift"], own)
            used.append(own)
            return h

        x = tf.reshape(x, [-1, side, side, colours])
        for i in numbered:
            h = tf.nn.conv2d(x, hard(parameters[f"layer{i}/weights"], at=f"layer{i}/weights"), 1, "SAME")
            h = pool(h) if i > len(channels) - pools else h
            x = hard(normalised(h, i), at=f"layer{i}/activations")
        kernel = hard(parameters[f"layer{last}/weights"], at=f"layer{last}/weights")
        return normalised(tf.matmul(tf.reshape(x, [-1, flat]), kernel), last), used

    def losses(outputs, y):
        return layers.losses(loss, outputs, y)

    def form(pool):
        """Loss and judgement with this operation as pool."""

        def training_loss(parameters, batch, hard, chance, problem):
            x, y = batch
            return tf.reduce_mean(losses(forward(parameters, x, hard, pool)[0], y)), {}

        def judge(parameters, hard, problem):
            _, statistics = forward(parameters, examples.part("train", problem, 0, reference)[0], hard, pool)
            return examples.judge(problem, lambda x: forward(parameters, x, hard, pool, statistics)[0], losses)

        return {"loss": training_loss, "judge": judge}

    spreads = {name: math.sqrt(2 / layers.fans(sizes[name])) for name in weights}
    spreads |= {f"layer{i}/activations": 1.0 for i in numbered}
    return Task(
        name="binarized_convnet",
        label=f"Binarized convnet ({'-'.join(map(str, (*channels, examples.classes)))})",
        start=start,
        **form(_largest_of_four),
        measures={},
        target=("validation_accuracy", 0.9),
        sizes=sizes,
        flops=layers.step_flops(
            batch,
            [
                *((across**2, *sizes[name]) for across, name in zip(sides, weights, strict=False)),
                sizes[weights[-1]],
            ],
        ),
        weights=weights,
        bounds=dict.fromkeys(weights, (-1.0, 1.0)) if clip else {},
        mapped=False,  # TensorFlow has no convolution of many images with filters of their own
        # XLA's convolution takes many times as long there, and the kernel of a pool has a gradient without XLA alone.
        by_device={"cpu": {"xla": False, **form(lambda h: tf.nn.max_pool2d(h, 2, 2, "VALID"))}},
        forwards=("sign", "step", "identity", "hard_tanh"),
        spreads=spreads,
        **examples.fields,
    )


def _largest_of_four(h):
    """The largest of each 2 × 2 places, of which the first of equal ones gets the gradient: max_pool2d, written out."""
    upper, lower = h[:, ::2], h[:, 1::2]
    return tf.maximum(tf.maximum(upper[:, :, ::2], upper[:, :, 1::2]), tf.maximum(lower[:, :, ::2], lower[:, :, 1::2]))


def _side(data, features, colours, pools):
    """The height and width of images, which must be square and halve as often as asked."""
    side = math.isqrt(features // colours)
    if side * side * colours != features:
        raise UserError(
            f"an example of {data} has {features} numbers, which are no square image of {colours} a place: set "
            "task.colours, or use another task."
        )
    if side % 2**pools:
        raise UserError(
            f"images of {side} × {side} cannot be halved {pools} times: set task.pools to a smaller number."
        )
    return side
