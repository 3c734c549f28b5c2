"""A bandit whose answers are short texts: some of them are rewarded, and nothing says which but the reward."""

from __future__ import annotations

import math

import tensorflow as tf

from tasks import arguments
from tasks.base import Draw, Measure, Task
from tasks.drawn import mean_of


def bandit(
    *,
    tokens: int = 3,
    words: int = 8,
    rewarded: int = 8,
    batch: int = 8,
    start: float = 0.5,
    dtype: str = "float32",
) -> Task:
    """Maximise the expected reward of an answer of L tokens, each drawn from V words by logits of its own.

    Of the V^L answers each draw rewards some, at random, by 1, and all others by 0: a policy that starts with equal
    probabilities succeeds in `rewarded` of V^L cases, by default 8 of 512. The loss is 1 less the reward. It is what
    policy-gradient training of language models has in miniature: one prompt, one group of answers, no clipping, no
    penalty; and the expected reward is a sum over all answers. Between hard values the reward is its multilinear
    extension, the expectation over independent tokens.

    Args:
        tokens: L, at least 1.
        words: V, at least 2; V^L is at most 4,096.
        rewarded: answers with a reward of 1, at least 1 and fewer than all.
        batch: answers that are drawn in a step; an estimator that asks several times draws as many groups.
        start: how far the logits spread at the start, a number of at least 0.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It is chosen by `expected_loss`, reports `success`, the probability of a rewarded answer, and has
        arrived at 0.9.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.bandit(tokens=tokens, words=words, rewarded=rewarded, batch=batch, start=start)

    def expected(choices, rewards):
        """The reward [...] of choices [..., tokens, words], one-hot or shares; rewards: [words^tokens]."""
        found = rewards
        for token in range(tokens):
            found = tf.reshape(found, [*found.shape[:-1], words, -1])
            shares = choices[..., token, :, None]
            found = tf.reduce_sum(shares * found, -2)
        return found[..., 0]

    def problem(chance, draw):
        order = chance.of("rewards").permutation(words**tokens)
        return {"rewards": tf.cast(order < rewarded, dtype)}

    def begin(chance, problem):
        return {"logits": tf.cast(start * chance.normal([tokens, words]), dtype)}

    def losses(parameters, examples, hard, chance, problem):
        logits = tf.tile(parameters["logits"][None], [batch, 1, 1])
        return 1 - expected(hard(logits, at="answer/activations"), problem["rewards"]), {}

    def judge(parameters, hard, problem):
        success = expected(tf.nn.softmax(parameters["logits"])[None], problem["rewards"])[0]
        success = tf.clip_by_value(success, 0, 1)
        return {"success": success, "expected_loss": 1 - success}

    return Task(
        name="bandit",
        label=f"Bandit ({rewarded} of {words**tokens} answers)",
        start=begin,
        loss=mean_of(losses),
        losses=losses,
        judge=judge,
        measures={
            "success": Measure("Probability of success", "1", "higher", (0.0, 1.0)),
            "expected_loss": Measure("Expected loss", "1", "lower", (0.0, 1.0)),
        },
        selects="expected_loss",
        reports="success",
        target=("success", 0.9),
        sizes={"logits": (tokens, words)},
        flops=6.0 * batch * math.fsum(words**k for k in range(1, tokens + 1)),
        optimum=0.0,
        forwards=("categorical",),
        problem=problem,
        draw=Draw("instance", None, 0.0),
    )
