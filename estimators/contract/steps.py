"""What a page promises of the step of a quantizer that is learned: its start, its gradient, and what acts on these."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from estimators.contract.numerics import check_close, contract_stream, format_parameters, slope_at
from estimators.function import functions
from estimators.surrogate import BESIDE, Surrogate
from steeplechase.contract import ContractError

_X = np.linspace(-20.03, 20.01, 47)  # inside and outside of the three bits' range, on no jump
_UPSTREAM = np.cos(np.arange(47.0))
_BITS = 3


def step_is_learned(page: Surrogate) -> None:
    """A step that is learned starts at a number, has the value s·Q(x/s), and gets its rule's gradient.

    Raises:
        ContractError: with what is not so, or with a parameter of the rule that changes neither start nor gradient.
    """
    default = None
    for chosen in page.example_parameters():
        begun, gradient = _begun_and_gradient(page, chosen)
        here = f"{page.name}{format_parameters(chosen)}"
        if default is None:
            default = begun, gradient
        elif len(chosen) == 1 and page.roles.get(next(iter(chosen))) in BESIDE and (begun, gradient) == default:
            raise ContractError(f"{here} changes neither the slope nor a step's start or gradient: it does nothing.")


def _begun_and_gradient(page, chosen):
    """Where the step starts, and its gradient there, which is held against the rule."""
    function, rule, x = functions["round"].fixed(bits=_BITS), page.step_size, tf.constant(_X)
    values = {name: tf.constant(v, tf.float64) for name, v in {**page.parameters, **chosen}.items()}
    trained, here = rule.begin(x, (), function, **values), f"{page.name}{format_parameters(chosen)}"
    if not np.isfinite(trained):
        raise ContractError(f"{here} starts a step at {float(trained):g}.")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(trained)
        y = page.hard(x, forward=function, step_size=trained, chance=contract_stream(), **chosen)
        total, step = tf.reduce_sum(y * _UPSTREAM), rule.value(x, trained, function)
    v = x / step
    q = function.value(v)
    check_close(y.numpy(), (step * q).numpy(), 1e-12, f"{here} has another value than s·Q(x/s)", _X)
    m = tf.constant(slope_at(page, v.numpy(), forward=function, **chosen))
    by_step = tf.reduce_sum(_UPSTREAM * rule.slope(v, q, m, function))
    signed = page.signed_slope(v, forward=function, chance=contract_stream(), **chosen)
    if signed is not None:
        by_step += tf.reduce_sum(np.abs(_UPSTREAM) * rule.slope(v, tf.zeros_like(v), signed, function))
    by_step *= tape.gradient(step, trained, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    factor, decay = float(rule.factor(len(_X), function, **values)), float(rule.decay(**values))
    gradient = float(tape.gradient(total, trained, unconnected_gradients=tf.UnconnectedGradients.ZERO))
    wanted = 0.0 if rule.of_input else factor * float(by_step) + decay * float(trained)
    check_close(gradient, wanted, 1e-9, f"{here} has another gradient by the step than its rule", float(trained))
    return float(trained), gradient
