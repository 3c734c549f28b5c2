"""The lower half of an image from its upper half, through hidden units that are drawn: many answers are right."""

from typing import Any

import numpy as np
import tensorflow as tf

from steeplechase.errors import UserError
from tasks import arguments, layers
from tasks.base import Task
from tasks.drawn import mean_log, mean_of, on_parts
from tasks.labelled import labelled


def structured_prediction(
    *,
    data: str = "digits",
    labels: str | None = None,
    hidden: int = 64,
    batch: int = 64,
    draws: int = 16,
    judge_seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
    split_seed: int | None = None,
    subsets: int | None = None,
    dtype: str = "float32",
) -> Task:
    """Predict which pixels of an image's lower half are bright from those of its upper half (Raiko, Berglund, Alain,
    Dinh 2015, arXiv:1406.2989; Gu, Levine, Sutskever, Mnih 2016, arXiv:1511.05176).

    φ = Wx + c of the upper pixels x, b ~ Bernoulli(σ(φ)), and each lower pixel is bright with a probability of
    σ(V(2b − 1) + d). The loss is −log p(y | b) in nats an image, a bound of −log p(y | x). Weights start
    Glorot-uniform, shifts at 0. A pixel is bright above the middle of its range.

    Judged are images that are held out, by −log 1/M Σ_m p(y | b_m) with M = `draws` and noise that is the same for all:
    the larger M, the closer to −log p(y | x), from above.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load), of an even number of rows.
        labels: where the data do not have them: the path of the labels, which are not looked at.
        hidden: units that are drawn, at least 1.
        batch: examples of a step, no more than there are to train on.
        draws: M, of judging, at least 1.
        judge_seed: of the noise of judging.
        validation: share of the examples that settings are chosen by, drawn with `split_seed`.
        test: share of the examples that is reported; a set with test files of its own keeps them.
        split_seed: as of binarized_mlp.
        subsets: as of binarized_mlp.
        dtype: of the parameters and of all products: `float32` or `float64`.

    Returns:
        The task. It is chosen by `validation_loss` and reports `test_loss`, nats an image.

    Raises:
        UserError: for arguments that make no such task, and for data that cannot be read or have no two halves.
    """
    split: dict[str, Any] = {
        "batch": batch,
        "validation": validation,
        "test": test,
        "split_seed": split_seed,
        "subsets": subsets,
    }
    arguments.structured_prediction(hidden=hidden, draws=draws, judge_seed=judge_seed, **split)
    examples = labelled(data, labels, **split, dtype=dtype)
    half = examples.features // 2
    if examples.features != 2 * half:
        raise UserError(f"task.data is {data}, whose images have {examples.features} numbers, and so no two halves.")
    sizes: dict[str, tuple[int, ...]] = {
        "layer1/weights": (half, hidden),
        "layer1/shift": (hidden,),
        "layer2/weights": (hidden, half),
        "layer2/shift": (half,),
    }
    noise = np.random.default_rng(judge_seed).logistic(size=[draws, 1, hidden])

    def start(chance, problem):
        return layers.start(chance, sizes, dtype)

    def logits(parameters, x):
        return tf.matmul(x[:, :half], parameters["layer1/weights"]) + parameters["layer1/shift"]

    def each(parameters, x, bits):
        """−log p(y | b), [..., images]."""
        seen = tf.tensordot(2 * bits - 1, parameters["layer2/weights"], 1) + parameters["layer2/shift"]
        bright = tf.broadcast_to(tf.cast(x[:, half:] > 0, dtype), seen.shape)
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(bright, seen), -1)

    def losses(parameters, batch, hard, chance, problem):
        x, _ = batch
        return each(parameters, x, hard(logits(parameters, x), at="hidden/activations")), {}

    def judge(parameters, hard, problem):
        def bound(x):
            bits = hard(logits(parameters, x)[None] + tf.constant(noise, dtype), at="hidden/activations")
            return -mean_log(-each(parameters, x, bits))

        return on_parts(examples, problem, bound)

    return Task(
        name="structured_prediction",
        label=f"Lower half from the upper ({half}-{hidden}-{half})",
        start=start,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={},
        target=("validation_loss", half / 3),  # nats; guessing has half · log 2
        sizes=sizes,
        flops=layers.step_flops(batch, [sizes["layer1/weights"], sizes["layer2/weights"]]),
        forwards=("bernoulli",),
        **{**examples.fields, "selects": "validation_loss", "reports": "test_loss"},
    )
