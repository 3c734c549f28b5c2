"""Tasks at the sizes that tests train them in, and a replica's own problem of them."""

import tensorflow as tf

from runners.training import step
from steeplechase.random import key

# A task whose default is large is tested at these arguments; one that is not listed, at its defaults.
SMALL = {
    "bandit": {"tokens": 2, "words": 4, "rewarded": 3},
    "bernoulli_toy": {"dim": 3, "spread": 1.0},
    "binarized_convnet": {"channels": [4, 6], "batch": 16},
    "binarized_mlp": {"hidden": [12, 8], "batch": 16},
    "categorical_vae": {"variables": 2, "categories": 3, "hidden": 8, "batch": 16, "draws": 3},
    "ising": {"spins": 5},
    "parity": {"bits": 4, "hidden": 6},
    "polynomial_programming": {"variables": 4, "batch": 8},
    "quantized_mlp": {"hidden": [12, 8], "batch": 16},
    "quantized_regression": {"dim": 4, "equations": 12},
    "router": {"tokens": 3, "experts": 3},
    "sign_fitting": {"dim": 6, "rows": 12},
    "sorting": {"numbers": 4, "features": 6, "examples": 24},
    "spike_memorisation": {"hidden": 3, "examples": 12, "inputs": 8, "duration": 25, "rate": 0.2},
    "spiking_digits": {"hidden": 6, "duration": 12, "latency": 6.0, "batch": 16},
    "stochastic_mlp": {"hidden": [12], "batch": 16},
    "structured_prediction": {"hidden": 8, "batch": 16, "draws": 3},
    "two_layer_gaussian": {"inputs": 5, "units": 4, "batch": 32},
}


def problem_of(task, draw=0):
    """This draw of the problem, {} where it is the same for all."""
    return step.problem(task, key(draw), tf.constant(draw))
