"""The tasks: the table of contents. A page is loaded when it is first asked for: planning needs no TensorFlow."""

from tasks.base import Book

book = Book(
    "binarized_mlp",
    "sign_fitting",
)
