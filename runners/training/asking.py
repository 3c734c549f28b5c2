"""Gradients of networks that draw, by asking for values of the objective: at each site, all other draws as they are."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import tensorflow as tf

from estimators.expectation import Expectation, Objective
from estimators.laws import Law, Site
from runners.training.hard_sites import Hard
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import Chance, key
from tasks.base import Task


def asked_gradient(
    task: Task,
    hard: Hard,
    parameters: Mapping,
    batch: tuple,
    numbers: Mapping,
    stream: Chance,
    problem: Mapping,
    memory: Mapping[str, tf.Tensor],
) -> tuple:
    """The gradient of one replica at one batch, estimated at every site of drawn values.

    The losses are recorded once, and what does not pass a draw is differentiated as it stands. What a site draws gets
    its estimate, from there on the chain rule goes to all that made its logits.

    Args:
        task: whose losses they are.
        hard: what stands at its sites: an expectation estimator at activations.
        parameters: in the task's own shapes, by name.
        batch: a slice of each array in the task's examples.
        numbers: as Hard.operation has them.
        stream: what the loss draws from.
        problem: the replica's own.
        memory: what the estimator remembers, by SITE/NAME.

    Returns:
        (gradients, loss, measures, memory), the first three as runners.training.gradient has them.

    Raises:
        Unsupported: where the losses are not one for each draw of a site.
    """
    page, law, losses_of, stream = hard.activations, hard.function.law, task.losses, stream.in_loops()
    assert isinstance(page, Expectation) and law is not None and losses_of is not None  # asked_sites has refused it
    sites: dict[str, tuple[tf.Tensor, tf.Tensor]] = {}  # logits and noise
    slopes = hard.operation(numbers, stream)

    def recorded(x, *, at, **step):
        if at.endswith("/weights"):
            return slopes(x, at=at, **step)
        noise = law.noise(stream.of("noise", at), x.shape, x.dtype)
        sites[at] = x, noise
        return tf.stop_gradient(hard.function.value(x + noise))

    def objective(asked):
        def losses(drawn):
            def again(x, *, at, **step):
                if at.endswith("/weights"):
                    return slopes(x, at=at, **step)
                return drawn if at == asked else tf.stop_gradient(hard.function.value(x + sites[at][1]))

            return losses_of(parameters, batch, again, stream, problem)[0]

        return Objective(losses, task.mapped)

    then: dict[str, tf.Tensor] = {}
    with tf.GradientTape() as tape:
        tape.watch(parameters)
        losses, measures = losses_of(parameters, batch, recorded, stream, problem)
        total, count = tf.reduce_mean(losses), losses.shape.num_elements()
        for at, (logits, noise) in sites.items():
            refuse_other_shape(task, page, law, at, logits.shape, losses.shape)
            with tape.stop_recording():
                site = Site(law, tf.stop_gradient(logits), noise, stream.of("estimate", at))
                own = {name: memory[f"{at}/{name}"] for name in page.memory_of(site)}
                estimate, own = page.estimate(site, objective(at), own, **numbers["activations"])
            then |= {f"{at}/{name}": tensor for name, tensor in own.items()}
            total += tf.reduce_sum(tf.stop_gradient(estimate) * logits) / count
    gradients = tape.gradient(total, parameters, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return gradients, tf.reduce_mean(losses), measures, then


def refuse_other_shape(task: Task, estimator: Expectation, law: Law, at: str, logits, losses) -> None:
    """Refuses losses that are not one for each draw of a site.

    Args:
        task: whose losses they are.
        estimator: that asks for them.
        law: of what is drawn.
        at: the site.
        logits: their shape.
        losses: the shape of the losses.

    Raises:
        Unsupported: with both shapes.
    """
    if tuple(losses) != law.values(logits):
        raise Unsupported(
            f"{estimator.name} needs a loss for each draw: the draws at {at} of {task.name} have the shape "
            f"{law.values(logits)}, and its losses {tuple(losses)}."
        )


@dataclass(frozen=True)
class AskedSite:
    """A site as it is known before anything is trained.

    Attributes:
        name: of the site.
        shape: of its logits.
        remembered: the shape of what the estimator remembers there, by SITE/NAME.
        evaluations: how often the estimator asks for the objective there.
    """

    name: str
    shape: tuple[int, ...]
    remembered: tuple[tuple[str, tuple[int, ...]], ...]
    evaluations: int


@functools.cache
def asked_sites(task: Task, hard: Hard) -> tuple[AskedSite, ...]:
    """The sites at which an estimator asks for the objective, found by tracing the task's losses without running them.

    Args:
        task: whose sites they are.
        hard: what stands there.

    Returns:
        In the order in which they are met; () where no estimator asks.

    Raises:
        Unsupported: for a task that has no losses of each example, where the losses are not one for each draw, and for
            an estimator that needs the objective between hard values where there are several sites.
        UserError: what the task raises.
    """
    page, law = hard.activations, hard.function.law
    if not isinstance(page, Expectation):
        return ()
    losses_of = task.losses
    if losses_of is None:
        raise Unsupported(
            f"{page.name} asks for the loss of each example, which {task.name} does not have alone (Task.losses)."
        )
    assert law is not None
    found: dict[str, tf.TensorShape] = {}

    def traced():
        own_key = tf.constant(key(0))
        problem = dict(task.problem(Chance(own_key).of("problem"), tf.constant(0))) if task.problem else {}
        parameters = task.start(Chance(own_key).of("start"), problem)
        dtype = next(iter(parameters.values())).dtype
        batch = tuple(
            tf.zeros([task.batch, *a.shape[1:]], dtype if a.dtype.kind == "f" else a.dtype) for a in task.examples
        )

        def watched(x, *, at, **step):
            if not at.endswith("/weights"):
                found[at] = x.shape
            return hard.values(task)(x, at=at, **step)

        return losses_of(parameters, batch, watched, Chance(own_key).of("loss"), problem)[0]

    with tf.device("/cpu:0"):
        losses = tf.function(traced, autograph=False).get_concrete_function().structured_outputs
    sites = []
    for at, shape in found.items():
        refuse_other_shape(task, page, law, at, shape, losses.shape)
        event = law.event(shape)
        remembered = page.memory(event) if page.memory else {}
        named = tuple((f"{at}/{name}", tuple(own)) for name, own in remembered.items())
        sites.append(AskedSite(at, tuple(shape), named, page.asks(law, event)))
    if page.smooth and len(sites) > 1:
        raise Unsupported(
            f"{page.name} asks for the loss between hard values, which {task.name} does not have: what "
            f"{sites[0].name} draws decides what {sites[-1].name} draws."
        )
    if not sites:
        raise UserError(f"{task.name} draws nowhere: there is nothing for {page.name} to ask.")
    return tuple(sites)


def evaluations(sites: tuple[AskedSite, ...]) -> int:
    """How often a step evaluates the objective of an example.

    Args:
        sites: at which it is asked for.

    Returns:
        At least 1: each site's first draw asks for what the network computes anyway, which is counted once.
    """
    return 1 + sum(site.evaluations - 1 for site in sites)
