"""A variational autoencoder whose code is a few choices: small enough for its gradient to be summed over all codes."""

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tasks import arguments, layers
from tasks.base import Task
from tasks.drawn import mean_of, on_parts
from tasks.labelled import labelled


def categorical_vae(
    *,
    data: str = "digits",
    labels: str | None = None,
    variables: int = 4,
    categories: int = 8,
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
    """Minimise the negative evidence bound of images of bright and dark pixels over an encoder and a decoder (Jang, Gu,
    Poole 2017, arXiv:1611.01144; Liu et al. 2023, arXiv:2304.08612, whose smallest has 4 variables of 8 categories).

    A hidden layer of ReLU gives the logits of `variables` choices among `categories`, the choices are drawn, and from
    them a hidden layer of ReLU gives the probability that a pixel is bright. The loss of an image is −log p(x | z) plus
    the divergence of the choices' distribution from equal probabilities, in closed form. By default there are 4,096
    codes, so that `enumeration` has the gradient itself. Weights start Glorot-uniform, shifts at 0. A pixel is bright
    above the middle of its range.

    Judged are images that are held out, by the mean over `draws` codes with noise that is the same for all.

    Args:
        data: a named set, or the path of a file (tasks.data.sets.load).
        labels: where the data do not have them: the path of the labels, which are not looked at.
        variables: choices of a code, at least 1.
        categories: of each, at least 2.
        hidden: units of the encoder's and of the decoder's hidden layer, at least 1.
        batch: examples of a step, no more than there are to train on.
        draws: of judging, at least 1.
        judge_seed: of the noise of judging.
        validation: share of the examples that settings are chosen by, drawn with `split_seed`.
        test: share of the examples that is reported; a set with test files of its own keeps them.
        split_seed: as of binarized_mlp.
        subsets: as of binarized_mlp.
        dtype: of the parameters and of all products: `float32` or `float64`.

    Returns:
        The task. It is chosen by `validation_loss` and reports `test_loss`, negative evidence bounds in nats an image.

    Raises:
        UserError: for arguments that make no such task, and for data that cannot be read.
    """
    split: dict[str, Any] = {
        "batch": batch,
        "validation": validation,
        "test": test,
        "split_seed": split_seed,
        "subsets": subsets,
    }
    arguments.categorical_vae(
        variables=variables, categories=categories, hidden=hidden, draws=draws, judge_seed=judge_seed, **split
    )
    examples = labelled(data, labels, **split, dtype=dtype)
    code = variables * categories
    ends = {"encoder1": (examples.features, hidden), "encoder2": (hidden, code)}
    ends |= {"decoder1": (code, hidden), "decoder2": (hidden, examples.features)}
    sizes: dict[str, tuple[int, ...]] = {f"{name}/weights": shape for name, shape in ends.items()}
    sizes |= {f"{name}/shift": shape[1:] for name, shape in ends.items()}
    noise = np.random.default_rng(judge_seed).gumbel(size=[draws, 1, variables, categories])

    def start(chance, problem):
        return layers.start(chance, sizes, dtype)

    def layer(parameters, name, x):
        return tf.tensordot(x, parameters[f"{name}/weights"], 1) + parameters[f"{name}/shift"]

    def encoded(parameters, x):
        """Logits [images, variables, categories], and the divergence [images]."""
        logits = layer(parameters, "encoder2", tf.nn.relu(layer(parameters, "encoder1", x)))
        logits = tf.reshape(logits, [-1, variables, categories])
        log = tf.nn.log_softmax(logits)
        return logits, tf.reduce_sum(tf.exp(log) * (log + math.log(categories)), [-2, -1])

    def missed(parameters, x, chosen):
        """−log p(x | z), [..., images]."""
        flat = tf.reshape(chosen, [*chosen.shape[:-2], code])
        seen = layer(parameters, "decoder2", tf.nn.relu(layer(parameters, "decoder1", flat)))
        bright = tf.broadcast_to(tf.cast(x > 0, dtype), seen.shape)
        return tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(bright, seen), -1)

    def losses(parameters, batch, hard, chance, problem):
        x, _ = batch
        logits, apart = encoded(parameters, x)
        return missed(parameters, x, hard(logits, at="code/activations")) + apart, {}

    def judge(parameters, hard, problem):
        def bound(x):
            logits, apart = encoded(parameters, x)
            chosen = hard(logits[None] + tf.constant(noise, dtype), at="code/activations")
            return tf.reduce_mean(missed(parameters, x, chosen), 0) + apart

        return on_parts(examples, problem, bound)

    return Task(
        name="categorical_vae",
        label=f"Categorical VAE ({variables} × {categories})",
        start=start,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={},
        target=("validation_loss", examples.features / 3),  # nats; guessing has features · log 2
        sizes=sizes,
        flops=layers.step_flops(batch, [*ends.values()]),
        forwards=("categorical",),
        **{**examples.fields, "selects": "validation_loss", "reports": "test_loss"},
    )
