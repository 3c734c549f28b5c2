"""The tasks: the table of contents. A page is loaded when it is first asked for: planning needs no TensorFlow."""

from steeplechase import renamed
from steeplechase.registry import Registry
from tasks.base import load

registry = Registry(
    "task",
    "bandit",
    "bernoulli_toy",
    "binarized_convnet",
    "binarized_mlp",
    "categorical_vae",
    "gates",
    "ising",
    "oscillation",
    "parity",
    "polynomial_programming",
    "quantized_mlp",
    "quantized_regression",
    "router",
    "sign_fitting",
    "sorting",
    "spike_memorisation",
    "spiking_digits",
    "stochastic_mlp",
    "structured_prediction",
    "two_layer_gaussian",
    load=load,
)
__getattr__ = renamed.answering(__name__, book=("tasks.registry", registry))
