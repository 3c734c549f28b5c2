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
    "gates",
    "ising",
    "oscillation",
    "polynomial_programming",
    "quantized_mlp",
    "quantized_regression",
    "router",
    "sign_fitting",
    "sorting",
    "spike_memorisation",
    "spiking_digits",
    "two_layer_gaussian",
    load=load,
)
__getattr__ = renamed.answering(__name__, book=("tasks.registry", registry))
