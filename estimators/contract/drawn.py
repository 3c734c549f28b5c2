"""What every estimator for drawn values promises, and how it is held against it: the contract but for its mean.

A promise is a function of a page, sampled or expectation, that raises ContractError with one sentence. Whether its mean
is the true gradient takes many calls: runners/execution/contract.py has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from estimators.contract import objectives
from estimators.contract.numerics import check_close, compiled_ways, format_parameters
from estimators.estimate import estimate, estimate_with_memory
from estimators.expectation import Expectation
from estimators.function import functions
from estimators.laws import LAWS, Law
from estimators.sampled import Sampled
from steeplechase.contract import Check, ContractError, first_sentence
from steeplechase.errors import UserError, first_line
from steeplechase.random import Chance, key

Drawn = Sampled | Expectation
FAR = 200.0  # logits at which nothing but one value is ever drawn, and shares are zero in single precision
_ROWS = 5  # events at once


def check_all(page: Drawn, checks: Sequence[Callable[[Drawn], None]] = ()) -> Iterator[Check]:
    """Each promise in words, and how the page breaks it, or "" where it keeps it.

    Args:
        page: of either kind.
        checks: functions of a page that raise ContractError; none: CHECKS.

    Yields:
        Each promise, with its fault. A fault is told once.
    """
    told: set[str] = set()
    for promise in checks or CHECKS:
        fault = ""
        try:
            promise(page)
        except (ContractError, UserError) as broken:
            fault = str(broken)
        except (Exception, SystemExit) as error:  # a page can fail in any way: that, too, is a promise that is not kept
            fault = f"{type(error).__name__}: {first_line(error)}"
        if not fault or fault not in told:
            yield Check(first_sentence(promise), fault, promise in FORM)
        told.add(fault)


def is_documented(page: Drawn) -> None:
    """It has a label that figures can print, a source, and a docstring that says what it estimates or replaces, and by
    what.

    Raises:
        ContractError: with what is lacking.
    """
    if not page.label.strip() or "$" in page.label or not page.label.isprintable():
        raise ContractError(f"{page.name}'s label {page.label!r} cannot be printed as it is in figures.")
    if not page.source.strip():
        raise ContractError(f"{page.name} does not say where its formula is from: give its source.")
    what, how = ("Estimates", "By") if isinstance(page, Expectation) else ("Replaces", "With")
    if not page.text.summary or not {what, how} <= {*page.text.words}:
        raise ContractError(f"{page.name}'s docstring must have a summary, and paragraphs `{what}` and `{how}`.")


def shape_and_type(page: Drawn) -> None:
    """It returns an estimate of the shape and type of the logits, alone and of several events at once.

    Raises:
        ContractError: with what it returns.
    """
    for law in laws_of(page):
        for dtype in (tf.float32, tf.float64):
            for shape in (objectives.EVENTS[law.name], (_ROWS, *objectives.EVENTS[law.name])):
                found = one_estimate(page, law, tf.zeros(shape, dtype))
                if found.shape != shape or found.dtype != dtype:
                    kind = f"{found.dtype.name} {tuple(found.shape)}"
                    raise ContractError(f"{page.name} returns {kind} for logits of {dtype.name} {shape}.")


def finite_far_out(page: Drawn) -> None:
    """It is finite where one value is nearly sure to be drawn, in both directions.

    Raises:
        ContractError: with the logits where it is not.
    """
    for law in laws_of(page):
        event = objectives.EVENTS[law.name]
        signs = np.resize([1.0, -1.0, 0.0, -1.0, 1.0, 0.1], event)
        tried: list[dict[str, Any]] = [*page.example_parameters()]
        for size in (FAR, 20.0, 1e-30):
            for chosen in tried:
                for number in range(3):
                    found = one_estimate(page, law, tf.constant(size * signs, tf.float32), number, **chosen)
                    if not np.isfinite(found).all():
                        raise ContractError(
                            f"{page.name}{format_parameters(chosen)} is not finite at logits of ±{size:g}."
                        )


def same_compiled(page: Drawn) -> None:
    """Eager, in a graph, under XLA and vectorised it is the same.

    Raises:
        ContractError: with the way in which it is another one.
    """
    for law in laws_of(page):
        logits = _logits(law, 4)

        def rows(logits, law=law):
            return tf.vectorized_map(
                lambda given: one_estimate(page, law, given[0], given[1]),
                (logits, tf.range(4)),
                fallback_to_while_loop=False,
            )

        eager = np.stack([one_estimate(page, law, row, number) for number, row in enumerate(logits)])
        for way, call in compiled_ways(rows).items():
            check_close(call(logits), eager, 1e-8, f"{page.name} is another one {way}")


def rows_are_apart(page: Drawn) -> None:
    """Of several events at once each has an estimate that no other's logits change.

    Raises:
        ContractError: where one does.
    """
    if isinstance(page, Expectation) and page.memory:
        return  # what it remembers is the mean over all
    for law in laws_of(page):
        logits = _logits(law, _ROWS).numpy()
        moved = logits.copy()
        moved[1:] += 1
        one, other = (one_estimate(page, law, tf.constant(each))[0] for each in (logits, moved))
        check_close(other, one, 1e-9, f"{page.name} of one event depends on another event")


def chance_is_an_argument(page: Drawn) -> None:
    """The same chance gives the same estimate, and another chance another one somewhere.

    Raises:
        ContractError: where it does not.
    """
    for law in laws_of(page):
        logits = _logits(law, _ROWS)
        if not np.array_equal(*(one_estimate(page, law, logits, 7) for _ in range(2))):
            raise ContractError(
                f"{page.name} gives another estimate for the same chance: it draws from something else."
            )


def parameters_act(page: Drawn) -> None:
    """Every parameter changes the estimate, `samples` too.

    Raises:
        ContractError: with the one that does not.
    """
    for law in laws_of(page):
        logits = _logits(law, _ROWS)

        def several(other: Drawn, law: Law = law, logits: tf.Tensor = logits, **chosen: Any) -> np.ndarray:
            return np.stack([one_estimate(other, law, logits, number, after=3, **chosen) for number in range(4)])

        for name in page.parameters:
            values: list[Any] = [chosen[name] for chosen in page.example_parameters() if [*chosen] == [name]]
            if all(np.array_equal(several(page), several(page, **{name: value})) for value in values):
                raise ContractError(f"{page.name} does not depend on its parameter '{name}'.")
        if page.samples is not None and np.array_equal(several(page), several(page.with_samples(page.samples + 1))):
            raise ContractError(f"{page.name} does not depend on its number of samples.")


def linear_in_upstream(page: Drawn) -> None:
    """What a sampled estimator hands down is linear in what comes from above.

    Raises:
        ContractError: where it is not.
    """
    if isinstance(page, Expectation):
        return
    for law in laws_of(page):
        logits, draw = _logits(law, _ROWS), np.random.default_rng(3)
        above = draw.normal(size=[2, *logits.shape])

        def down(upstream: np.ndarray, law: Law = law, logits: tf.Tensor = logits) -> np.ndarray:
            return handed_down(page, law, logits, upstream)

        both = down(above[0] - 2 * above[1])
        check_close(both, down(above[0]) - 2 * down(above[1]), 1e-9, f"{page.name} is not linear in what comes down")


def soft_value_has_its_derivative(page: Drawn) -> None:
    """Where a soft value goes forward, what comes down is its derivative, by differences.

    Raises:
        ContractError: where it is not.
    """
    if isinstance(page, Expectation) or page.soft is None:
        return
    for law in laws_of(page):
        logits, draw = _logits(law, 1)[0].numpy(), np.random.default_rng(4)
        weights, known = draw.normal(size=logits.shape), np.zeros(logits.shape)
        for place in np.ndindex(logits.shape):
            step = np.zeros(logits.shape)
            step[place] = 1e-5
            high, low = (_forward(page, law, tf.constant(logits + sign * step)) for sign in (1, -1))
            known[place] = ((high - low) * weights).sum() / 2e-5
        found = handed_down(page, law, tf.constant(logits), weights)
        check_close(found, known, 1e-6, f"{page.name} hands down another derivative than that of its soft value")


CHECKS: tuple[Callable[[Drawn], None], ...] = (
    is_documented,
    shape_and_type,
    finite_far_out,
    same_compiled,
    rows_are_apart,
    chance_is_an_argument,
    parameters_act,
    linear_in_upstream,
    soft_value_has_its_derivative,
)
FORM = (is_documented,)


def laws_of(page: Drawn) -> list[Law]:
    """The laws that a page is for."""
    return [LAWS[name] for name in page.over]


def one_estimate(page: Drawn, law: Law, logits: tf.Tensor, number: Any = 0, after: int = 0, **chosen: Any) -> tf.Tensor:
    """An estimate of the gradient of the contract's objective.

    Args:
        page: whose estimate it is.
        law: of what is drawn.
        logits: of one event, or of several.
        number: of the chance, a number or an int32 scalar.
        after: how many estimates come before it, for a page that remembers.
        **chosen: parameters in place of the defaults.

    Returns:
        The shape of the logits.
    """
    values = objectives.objective(law, tuple(logits.shape)[-law.axes :])
    chance = Chance(tf.constant(key(11))).at(number)
    if not isinstance(page, Expectation) or page.memory is None:
        return estimate(page, law, logits, values, chance, **chosen)
    memory: dict[str, tf.Tensor] | None = None
    for i in range(after):
        _, memory = estimate_with_memory(page, law, logits, values, chance.of("before", i), memory, **chosen)
    return estimate_with_memory(page, law, logits, values, chance, memory, **chosen)[0]


def over_laws(page: Drawn) -> np.ndarray:
    """Estimates of several events, under each law that a page is for, float64 in one row."""
    return np.concatenate([one_estimate(page, law, _logits(law, _ROWS)).numpy().ravel() for law in laws_of(page)])


def handed_down(page: Sampled, law: Law, logits: tf.Tensor, upstream: np.ndarray) -> np.ndarray:
    """What a sampled estimator makes of a gradient from above, at one draw.

    Args:
        page: the estimator.
        law: of what is drawn.
        logits: of one event, or of several.
        upstream: the gradient from above, of their shape.

    Returns:
        float64 or float32, of the shape of the logits.
    """
    with tf.GradientTape() as tape:
        tape.watch(logits)
        y = _drawn(page, law, logits)
    return tape.gradient(y, logits, output_gradients=tf.constant(upstream, logits.dtype)).numpy()


def _forward(page, law, logits):
    return _drawn(page, law, logits).numpy()


def _drawn(page, law, logits):
    chance = Chance(tf.constant(key(11)))
    noise = law.noise(chance.of("noise"), logits.shape, logits.dtype)
    return page.hard(logits, forward=functions[law.name], noise=noise, chance=chance.of("estimate"))


def _logits(law, rows):
    """Of several events, float64."""
    return tf.constant(np.random.default_rng(2).normal(size=[rows, *objectives.EVENTS[law.name]]))
