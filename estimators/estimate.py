"""One estimate of a gradient, by an estimator of any kind, for an objective that is given as a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from estimators.expectation import Expectation, Objective
from estimators.function import functions
from estimators.laws import Law, Site
from estimators.sampled import Sampled
from estimators.surrogate import Surrogate
from steeplechase.errors import Unsupported
from steeplechase.random import Chance


def estimate(
    page: Surrogate | Sampled | Expectation,
    law: Law,
    logits: tf.Tensor,
    losses: Callable[[tf.Tensor], tf.Tensor],
    chance: Chance,
    **parameters: Any,
) -> tf.Tensor:
    """One estimate of the gradient of the expected sum of losses by the logits.

    Args:
        page: the estimator.
        law: of what is drawn, whose hard function has its name.
        logits: [..., event].
        losses: of what is drawn, [..., event], the values [...].
        chance: what it is drawn from: the same for every estimator gives each the same first draw.
        **parameters: of the estimator.

    Returns:
        The shape and dtype of the logits.

    Raises:
        UserError: for a parameter that is refused.
        Unsupported: for a law that the estimator is not for.
    """
    if isinstance(page, Expectation):
        return estimate_with_memory(page, law, logits, losses, chance, None, **parameters)[0]
    noise = law.noise(chance.of("noise"), logits.shape, logits.dtype)
    given = {"forward": functions[law.name], "noise": noise, "chance": chance.of("estimate"), **parameters}
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(losses(page.hard(logits, **given)))
    return tape.gradient(total, logits)


def estimate_with_memory(
    page: Expectation,
    law: Law,
    logits: tf.Tensor,
    losses: Callable[[tf.Tensor], tf.Tensor],
    chance: Chance,
    memory: Mapping[str, tf.Tensor] | None,
    **parameters,
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """The same of an estimator that may remember what it was asked before.

    Args:
        page: the estimator.
        law: as in `estimate`.
        logits: as in `estimate`.
        losses: as in `estimate`.
        chance: as in `estimate`.
        memory: what it remembers; None: nothing yet.
        **parameters: as in `estimate`.

    Returns:
        (the estimate, what it remembers then).

    Raises:
        UserError: as `estimate`.
        Unsupported: as `estimate`.
    """
    if reason := page.unsupported_reason(functions[law.name]):
        raise Unsupported(reason)
    noise = law.noise(chance.of("noise"), logits.shape, logits.dtype)
    site = Site(law, logits, noise, chance.of("estimate"))
    return page.estimate(site, Objective(losses), memory, **parameters)
