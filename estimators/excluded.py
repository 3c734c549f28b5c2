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
    "lsq_plus": "its offset is learned with the step, and levels here have a fixed place; its slope is lsq's",
    "ttq": "it learns two values for each tensor, which belongs to a task; its slope is ste with function=ternary",
    "twn": "it scales ternary weights by their mean, which belongs to a task; its slope is ste with function=ternary",
    "paretoq": "its stretched levels are midrise with lsq, but for where the range ends",
    "additive_noise": "it adds noise in place of rounding while it trains: its forward pass is not hard",
    "universal_quantization": "it adds noise in place of rounding while it trains: its forward pass is not hard",
    "stochastic_rounding": "its forward pass is drawn, and is judged by another one",
    "freezing": "it fixes weights that oscillate, by a memory of each of them, and is no rule for one function",
    "cage": "it changes the optimizer's update, and is no rule for one function",
    "parq": "its weights are not hard until late in training, by the optimizer",
    "binary_relax": "its weights are not hard until late in training, by the optimizer",
    "prox_quant": "its weights are not hard until late in training, by the optimizer",
    "switch": "it multiplies the chosen expert by its share, which belongs to a task; the choice gets no gradient",
    "densemixer": "it multiplies experts by their shares, which belongs to a task; of the choice alone it is "
    "sigmoid_derivative with function=argmax",
    "sparsemixer": "it draws the expert, and is no rule for a choice that is made by argmax",
    "remoe": "it weights experts by a ReLU: nothing in it is hard",
    "perturbed_topk": "its forward pass is the mean of many choices, and not hard",
    "learnable": "training a slope's parameter was found to be the same as training the threshold; schedule it instead",
}
