"""REBAR: REINFORCE with the relaxed objective as its control."""

import tensorflow as tf

from estimators.controls import controlled, learn, learned_memory
from estimators.expectation import expectation
from estimators.parameters import not_negative, positive


@expectation(
    label="REBAR",
    source="Tucker et al. 2017, arXiv:1703.07370; of choices Grathwohl et al. 2018, arXiv:1711.00123",
    over=("bernoulli", "categorical"),
    evaluations=3,
    smooth=True,
    memory=lambda event: learned_memory(2),
    needs={"temperature": positive, "control_rate": not_negative},
)
def rebar(site, f, *, eta=1.0, temperature=0.5, control_rate=0.01, memory):
    """The score function times what the relaxed objective leaves of it, plus the gradient of what was taken away.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(b) − η f(s̃)) · (b − E b) + η ∂f(s)/∂φ − η ∂f(s̃)/∂φ, where s is the mean at z/temperature, z = φ +
               noise, which decides b, and s̃ the same of z̃, which is drawn again given b
    Needs      temperature > 0, control_rate ≥ 0

    Unbiased for every η and temperature. Both start at the numbers given and are learned, by Adam with control_rate,
    towards less variance; control_rate = 0 leaves them as they are. z̃ is differentiated with what it is drawn by held
    fixed.
    """
    with tf.GradientTape() as tape:
        learned = tf.identity(memory["learned"])
        tape.watch(learned)
        eta, temperature = eta * 2 * tf.sigmoid(learned[0]), temperature * tf.exp(learned[1])
        found = controlled(site, f, lambda z: eta * f(site.law.mean(z / temperature)))
        return found, learn(memory, learned, found, tape, control_rate)
