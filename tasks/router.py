"""Send tokens to experts: a choice for each, of which the best of all is known."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import tensorflow as tf

from tasks import arguments, enumerated
from tasks.base import Draw, Measure, Task


def router(
    *,
    tokens: int = 6,
    experts: int = 3,
    balance: float = 0.2,
    total: float = 0.5,
    start: float = 1.0,
    instance: str = "drawn",
    dtype: str = "float32",
) -> Task:
    """Choose for each token the one expert that answers it, as the router of a mixture of experts with top-1 does.

    Expert k says E_ak to token a, which should hear t_a. With r_a the expert that is chosen and n_k how many tokens the
    k-th has, the loss is

        mean_a (E_{a,r_a} − t_a)² + balance · Σ_k (n_k/tokens − 1/experts)² + total/tokens · (Σ_a E_{a,r_a} − Σ_a t_a)²

    so that tokens cannot be sent one by one. The logits that decide are trained, the experts are fixed. All
    experts^tokens ways are enumerated, and what is reported is how far the loss is above the least of them.

    instance="drawn": each draw has its own, E and t of N(0, 1). instance="sines": the same for all, which needs no
    generator of random numbers: E_ak = cos(2.1a + 1.4k² + 0.8ak) and t_a = sin(1.1a), a and k from 1.

    Args:
        tokens: at least 1.
        experts: at least 2.
        balance: at least 0.
        total: at least 0.
        start: how far the logits spread at the start, above 0.
        instance: `drawn` or `sines`.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It reports `excess` and has arrived where no token is sent elsewhere than in the best way.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.router(tokens=tokens, experts=experts, balance=balance, total=total, start=start, instance=instance)

    def loss_of(routes, answers, targets):
        """The loss of each of some ways, [..., tokens, experts]."""
        heard = tf.reduce_sum(routes * answers, -1)
        shares = tf.reduce_mean(routes, -2)
        return (
            tf.reduce_mean(tf.square(heard - targets), -1)
            + balance * tf.reduce_sum(tf.square(shares - 1 / experts), -1)
            + total / tokens * tf.square(tf.reduce_sum(heard - targets, -1))
        )

    def posed(answers, targets):
        """The instance, its losses, its best way, and how far above it each token's own best comes."""
        routes = tf.constant(_ways(tokens, experts), dtype)
        losses = loss_of(routes, answers, targets)
        best = tf.gather(routes, tf.argmin(losses))
        nearest = tf.argmin(tf.abs(answers - targets[:, None]), -1)
        apart = loss_of(tf.one_hot(nearest, experts, dtype=dtype), answers, targets) - tf.reduce_min(losses)
        return {"answers": answers, "targets": targets, "losses": losses, "best": best, "apart": tf.maximum(apart, 0)}

    def problem(chance, draw):
        answers = tf.cast(chance.of("experts").normal([tokens, experts]), dtype)
        return posed(answers, tf.cast(chance.of("tokens").normal([tokens]), dtype))

    shared = None
    if instance == "sines":
        shared = posed(*(tf.constant(array, dtype) for array in _of_sines(tokens, experts)))

    def begin(chance, problem):
        return {"logits": tf.cast(start * chance.normal([tokens, experts]), dtype)}

    def sent(parameters, hard):
        return hard(parameters["logits"], at="routes/activations")

    def loss(parameters, batch, hard, chance, problem):
        here = shared or problem
        return loss_of(sent(parameters, hard), here["answers"], here["targets"]), {}

    def judge(parameters, hard, problem):
        here, routes = shared or problem, sent(parameters, hard)
        excess = tf.maximum(loss_of(routes, here["answers"], here["targets"]) - tf.reduce_min(here["losses"]), 0)
        place = enumerated.place(here["losses"], excess)
        wrong = 1 - tf.reduce_sum(routes * here["best"]) / tokens
        return {"excess": excess, "wrong_routes": wrong, "place": place, "separate_excess": here["apart"]}

    return Task(
        name="router",
        label=f"Router ({tokens} tokens, {experts} experts)" + (f", {instance}" if shared else ""),
        start=begin,
        loss=loss,
        judge=judge,
        measures={
            "excess": Measure("Loss above the optimum", "1", "lower", (0.0, math.inf)),
            "wrong_routes": Measure("Wrong routes", "share of tokens", "lower", (0.0, 1.0)),
            "place": Measure("Better choices", "choices", "lower", (0.0, float(experts**tokens))),
            "separate_excess": Measure("Each token alone above the optimum", "1", "", (0.0, math.inf)),
        },
        selects="train_loss",
        reports="excess",
        target=("wrong_routes", 0.0),
        sizes={"logits": (tokens, experts)},
        flops=6.0 * tokens * experts,
        forwards=("argmax",),
        problem=None if shared else problem,
        draw=Draw() if shared else Draw("instance", None, 0.0),
    )


@functools.cache
def _ways(tokens, experts):
    """All ways to send the tokens, float64 [ways, tokens, experts], one-hot."""
    return np.eye(experts)[np.array(list(itertools.product(range(experts), repeat=tokens)))]


def _of_sines(tokens, experts):
    """E [tokens, experts] and t [tokens]."""
    a, k = np.arange(1, tokens + 1.0)[:, None], np.arange(1, experts + 1.0)
    return np.cos(2.1 * a + 1.4 * k**2 + 0.8 * a * k), np.sin(1.1 * a[:, 0])
