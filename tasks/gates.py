"""Find a boolean circuit: which of the sixteen gates stands at each node, by the truth table that is wanted."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from tasks import arguments
from tasks.base import Measure, Task

GATES = 16
# The value of gate i at the inputs 00, 01, 10, 11: the bits of i from the left.
TABLE = np.array([[i >> (3 - row) & 1 for row in range(4)] for i in range(GATES)], float)


def gates(*, circuit: str = "parity", bits: int = 3, start: float = 1.0, dtype: str = "float32") -> Task:
    """Program synthesis in miniature: choose a gate for each node of a wired circuit, to compute what is asked.

    The gates are the sixteen functions of two bits, each the polynomial of degree one in each input that has its truth
    table (Petersen et al. 2022, arXiv:2210.08277). Every node chooses one of them (`function=argmax`), by logits of its
    own that start N(0, start²). The loss is the mean square of what is wrong, over all inputs: with chosen gates the
    share of wrong bits.

    circuit="parity": of `bits` inputs, by a chain of nodes, each of which sees what the one before it says and the next
    input. Two of 16^(bits − 1) circuits of 3 bits are right: XOR or XNOR twice. circuit="half_adder": sum and carry of
    two bits, by a node each; one circuit of 256 is right.

    Args:
        circuit: `parity` or `half_adder`.
        bits: inputs of `parity`, 2 to 12; a half adder has two.
        start: how far the logits spread at the start, above 0.
        dtype: of all tensors: `float32` or `float64`.

    Returns:
        The task. It reports `errors`, the share of wrong bits, and has arrived at 0. `soft_loss` is the loss where each
        node is a mixture of all gates by the softmax of its logits, and `gap` by how much choosing is worse than that.

    Raises:
        UserError: for arguments that make no task.
    """
    arguments.gates(circuit=circuit, bits=bits, start=start)
    bits = 2 if circuit == "half_adder" else bits
    nodes = 2 if circuit == "half_adder" else bits - 1
    inputs = np.array(list(itertools.product([0.0, 1.0], repeat=bits)))
    sums = inputs.sum(1) % 2
    wanted = sums[:, None] if circuit == "parity" else np.stack([sums, inputs.prod(1)], 1)
    columns, outputs = tf.constant(inputs.T, dtype), tf.constant(wanted, dtype)

    def computed(chosen):
        """What a circuit says for each input, [inputs, outputs]: chosen is [nodes, gates], one-hot or a mixture."""
        tables = tf.unstack(tf.matmul(chosen, tf.constant(TABLE, dtype)))
        if circuit == "half_adder":
            return tf.stack([_mixed(table, columns[0], columns[1]) for table in tables], 1)
        said = columns[0]
        for table, column in zip(tables, tf.unstack(columns[1:]), strict=True):
            said = _mixed(table, said, column)
        return said[:, None]

    def loss_of(chosen):
        return tf.reduce_mean(tf.square(computed(chosen) - outputs))

    def begin(chance, problem):
        return {"logits": tf.cast(start * chance.normal([nodes, GATES]), dtype)}

    def loss(parameters, batch, hard, chance, problem):
        return loss_of(hard(parameters["logits"], at="nodes/activations")), {}

    def judge(parameters, hard, problem):
        logits = parameters["logits"]
        errors, soft = loss_of(hard(logits, at="nodes/activations")), loss_of(tf.nn.softmax(logits))
        return {"errors": errors, "soft_loss": soft, "gap": errors - soft}

    return Task(
        name="gates",
        label=f"Gates ({'half adder' if circuit == 'half_adder' else f'parity of {bits} bits'})",
        start=begin,
        loss=loss,
        judge=judge,
        measures={
            "errors": Measure("Errors of the circuit", "share of bits", "lower", (0.0, 1.0)),
            "soft_loss": Measure("Loss of the mixture", "1", "lower", (0.0, 1.0)),
            "gap": Measure("Chosen gates less the mixture", "1", "", (-1.0, 1.0)),
        },
        selects="train_loss",
        reports="errors",
        target=("errors", 0.0),
        sizes={"logits": (nodes, GATES)},
        flops=6.0 * nodes * (4 * GATES + 8 * len(inputs)),
        forwards=("argmax",),
    )


def _mixed(table, a, b):
    """The polynomial of degree one in each of a and b, with these values at 00, 01, 10 and 11."""
    return (1 - a) * ((1 - b) * table[0] + b * table[1]) + a * ((1 - b) * table[2] + b * table[3])
