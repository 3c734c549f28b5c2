"""Learn to sort: ranks are sums of hard comparisons of keys, and the right keys are known."""

import math

import tensorflow as tf

from tasks import arguments
from tasks.base import Draw, Measure, Task

PARTS = ("train", "validation", "test")


def sorting(
    *,
    numbers: int = 5,
    features: int = 16,
    noise: float = 0.1,
    examples: int = 256,
    dtype: str = "float32",
) -> Task:
    """Learn keys by which items are sorted as they should: an item's rank is how many of the others its key exceeds.

    Each example is a list of `numbers` items with `features` N(0, 1) features. Their true keys are a·x for a direction
    a of length 1 that each draw has of its own; the order to be learned is that of the true keys plus `noise`·N(0, 1).
    What is learned is w, by the mean square of ranks: rank i = Σ_j hard(w·x_i − w·x_j), less the comparison with
    itself.

    How good an answer can be is known: a itself solves it without a mistake where there is no noise, and else as far as
    anybody who knows a can; what that comes to on the same test examples is in every row (`teacher_accuracy`).

    Args:
        numbers: items of a list, at least 2.
        features: of an item, at least 1.
        noise: of the keys that the order is made of, at least 0.
        examples: lists of each part: training, validation, test.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It reports `test_accuracy`, the share of lists that are sorted without a mistake, and `wrong_pairs`,
        Kendall's distance: the share of pairs in the wrong order.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.sorting(numbers=numbers, features=features, noise=noise, examples=examples)

    def problem(chance, draw):
        direction = chance.of("direction").normal([features, 1])
        direction /= tf.norm(direction)
        made = {"direction": direction}
        for part in PARTS:
            x = chance.of(part).normal([examples, numbers, features])
            keys = tf.squeeze(x @ direction, -1) + noise * chance.of("noise", part).normal([examples, numbers])
            made |= {f"{part}/x": x, f"{part}/ranks": _exceeded(keys)}
        return {name: tf.cast(array, dtype) for name, array in made.items()}

    def start(chance, problem):
        w = chance.normal([features])
        return {"w": tf.cast(w / tf.norm(w), dtype)}

    def ranks(parameters, hard, problem, part):
        keys = tf.linalg.matvec(problem[f"{part}/x"], parameters["w"])
        above = hard(keys[:, :, None] - keys[:, None, :], at="comparisons/activations")
        return tf.reduce_sum(above, 2) - tf.linalg.diag_part(above)

    def square(ranked, problem, part):
        return tf.reduce_mean(tf.square(ranked - problem[f"{part}/ranks"]))

    def loss(parameters, batch, hard, chance, problem):
        return square(ranks(parameters, hard, problem, "train"), problem, "train"), {}

    def judge(parameters, hard, problem):
        measures: dict[str, tf.Tensor] = {}
        for part in PARTS[1:]:
            ranked, right = ranks(parameters, hard, problem, part), problem[f"{part}/ranks"]
            measures |= {f"{part}_loss": square(ranked, problem, part), f"{part}_accuracy": _sorted(ranked, right)}
        keys = tf.linalg.matvec(problem["test/x"], problem["direction"][:, 0])
        wrong = _pairs(ranked) != _pairs(right)
        share = tf.reduce_sum(tf.cast(wrong, dtype)) / (examples * numbers * (numbers - 1))
        return measures | {"wrong_pairs": share, "teacher_accuracy": _sorted(_exceeded(keys), right)}

    return Task(
        name="sorting",
        label=f"Sorting ({numbers} of {features} features)",
        start=start,
        loss=loss,
        judge=judge,
        measures={
            "wrong_pairs": Measure("Pairs in the wrong order", "share of pairs", "lower", (0.0, 1.0)),
            "teacher_accuracy": Measure("Accuracy of the true keys", "share of lists", "", (0.0, 1.0)),
        },
        selects="validation_accuracy",
        reports="test_accuracy",
        target=("validation_accuracy", 0.5),
        sizes={"w": (features,)},
        flops=6.0 * examples * numbers * (features + numbers),
        forwards=("step",),
        problem=problem,
        draw=Draw("instance", None, 0.0),
        spreads={"comparisons/activations": math.sqrt(2 * (numbers - 1) / numbers)},  # none of an item with itself
    )


def _pairs(keys):
    """Whether each item comes after each other: [lists, items, items]."""
    return keys[:, :, None] > keys[:, None, :]


def _exceeded(keys):
    """How many of the others each item exceeds: [lists, items]."""
    return tf.reduce_sum(tf.cast(_pairs(keys), keys.dtype), 2)


def _sorted(ranked, right):
    """The share of lists without a mistake."""
    return tf.reduce_mean(tf.cast(tf.reduce_all(tf.equal(tf.round(ranked), tf.round(right)), 1), ranked.dtype))
