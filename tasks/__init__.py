"""The tasks: the table of contents. A page is loaded when it is first asked for: planning needs no TensorFlow."""

from steeplechase.registry import Registry
from tasks.base import load

book = Registry(
    "task",
    "binarized_mlp",
    "sign_fitting",
    load=load,
)
