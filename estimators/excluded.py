"""What the field has and the book has not, and why: whoever asks for one of these is told."""

EXCLUDED = {
    "rsign": "its threshold is learned with the network; the slope around it is approx_sign",
    "dorefa": "it rounds to k bits and passes the gradient on, which is ste with function=round, and its map of the "
    "weights belongs to a task",
    "fda": "its base frequency is not stated and its residual is a network that is trained beside; the series itself "
    "is fourier",
    "adaste": "its weights are not hard until late in training, and its factor depends on the gradient that arrives",
    "lns": "it trains a second network that predicts the signs, and is no rule for one function",
    "bayesbinn": "it samples relaxed weights and changes the optimizer's update, and is no rule for one function",
    "adaround": "it learns for each weight of a trained network whether it is rounded up, after training",
    "qil": "it learns how weights are transformed before they are rounded, which belongs to a task",
    "hadamard": "it rotates what is rounded, which belongs to a task; its slope is ste with the edge round_closed",
    "learnable": "training a slope's parameter was found to be the same as training the threshold; schedule it instead",
}
