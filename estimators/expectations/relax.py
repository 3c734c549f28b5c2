"""RELAX: REBAR whose control is learned whole, by a small network beside the relaxed objective."""

import math

import tensorflow as tf

from estimators.controls import controlled, learn, learned_memory
from estimators.expectation import expectation
from estimators.parameters import not_negative, positive

UNITS = 10  # of the network's hidden layer


def _size(event):
    return UNITS * (math.prod(event) + 2) + 1


@expectation(
    label="RELAX",
    source="Grathwohl et al. 2018, arXiv:1711.00123",
    over=("bernoulli", "categorical"),
    evaluations=3,
    smooth=True,
    memory=lambda event: learned_memory(_size(event)),
    needs={"temperature": positive, "control_rate": not_negative},
)
def relax(site, f, *, temperature=0.5, control_rate=0.01, memory):
    """The score function times what a learned control leaves of the objective, plus the gradient of that control.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(b) − c(z̃)) · (b − E b) + ∂c(z)/∂φ − ∂c(z̃)/∂φ, c(z) = f(s) + r(s), s the mean at z/temperature; z =
               φ + noise decides b, and z̃ is drawn again given b
    Needs      temperature > 0, control_rate ≥ 0

    r has a hidden layer of ten tanh units, on 2s − 1, and starts at 0, so that the first estimate is REBAR's with
    η = 1. Its weights and the temperature are learned, by Adam with control_rate, towards less variance.
    """
    law, size = site.law, math.prod(site.law.event(site.logits.shape))
    begin = site.chance.of("control").normal([size * UNITS]) / math.sqrt(size)
    begin = tf.concat([tf.cast(begin, site.logits.dtype), tf.zeros([2 * UNITS + 1], site.logits.dtype)], 0)
    with tf.GradientTape() as tape:
        learned = tf.where(memory["updates"] > 0, memory["learned"], begin)
        tape.watch(learned)
        parts = tf.split(learned, [size * UNITS, UNITS, UNITS, 1])
        weights, shift, out = tf.reshape(parts[0], [size, UNITS]), parts[1], parts[2]
        cooled = temperature * tf.exp(parts[3][0])

        def control(z):
            soft = law.mean(z / cooled)
            flat = tf.reshape(2 * soft - 1, [*law.values(soft.shape), size])
            hidden = tf.tanh(tf.tensordot(flat, weights, 1) + shift)
            return f(soft) + tf.tensordot(hidden, out, 1)

        found = controlled(site, f, control)
        return found, learn(memory, learned, found, tape, control_rate)
