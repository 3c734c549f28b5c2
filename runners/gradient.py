"""Where the gradient of one replica comes from: a tape through the task's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

from estimators.base import Surrogate
from tasks.base import Task


@dataclass(frozen=True)
class Hard:
    """Which hard function stands at a site, and which slopes go with it: the forward and the backward choice."""

    activations: Surrogate
    weights: Surrogate | None  # None: no latent weights (Bop), the gradient passes to the hard weight itself
    forward: str = "sign"
    at_zero: int = 1
    normalize: str = "none"

    def at(self, site: str) -> Surrogate | None:
        """The surrogate of a site, by the word after its last slash."""
        return self.weights if site.endswith("/weights") else self.activations

    def operation(self, parameters: Mapping[str, Mapping], watch: Callable | None = None) -> Callable:
        """`hard(x, at=site)` with these parameters (`{"activations": {...}, "weights": {...}}`).

        `watch(site, x, slope)` is called at each site while the forward pass is traced, where one is given.
        """

        def hard(x, *, at: str):
            page = self.at(at)
            if page is None:
                return x  # ±1 already: the weight itself is what is used
            numbers = parameters["weights" if at.endswith("/weights") else "activations"]
            if watch:
                watch(at, x, page.slope(x, forward=self.forward, normalize=self.normalize, **numbers))
            return page.hard(x, forward=self.forward, at_zero=self.at_zero, normalize=self.normalize, **numbers)

        return hard


def gradient(task: Task, parameters: Mapping, batch: tuple, hard: Callable, chance) -> tuple:
    """(gradients, loss, measures) of one replica at one batch; gradients is a dict like `parameters`.

    A parameter that the loss does not reach gets zeros, never None.
    """
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        loss, measures = task.loss(parameters, batch, hard, chance)
    gradients = tape.gradient(loss, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return gradients, loss, measures
