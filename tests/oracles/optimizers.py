"""Each optimizer's update restated in NumPy float64, from the papers' formulas in Keras' conventions."""

import numpy as np


def trained(keras_name, x, gradients, rates, **own):
    """The variable after these gradients. x [rows, size]; rates and all of `own` numbers or [rows, 1] columns."""
    own = {**DEFAULTS.get(keras_name, {}), **own}
    decay, clip = own.pop("weight_decay", None), own.pop("clipvalue", None)
    x, state = x.astype(np.float64), {}
    for step, g in enumerate(gradients, 1):
        g = g.astype(np.float64) if clip is None else np.clip(g.astype(np.float64), -clip, clip)
        if decay is not None:
            x = x - x * decay * rates
        x = _UPDATES[keras_name](x, g, step, rates, state, **own)
    return x


def update(keras_name, x, gradient, step, rate, state, **own):
    """The variable after one more gradient. step: from 1; state: a dict that is carried from update to update."""
    return _UPDATES[keras_name](x, gradient, step, rate, state, **{**DEFAULTS.get(keras_name, {}), **own})


DEFAULTS = {
    "Adadelta": {"rho": 0.95, "epsilon": 1e-7},
    "Adagrad": {"initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "Adam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "AdamW": {"weight_decay": 0.004, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Adamax": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "Ftrl": {
        "learning_rate_power": -0.5,
        "initial_accumulator_value": 0.1,
        "l1_regularization_strength": 0.0,
        "l2_regularization_strength": 0.0,
        "l2_shrinkage_regularization_strength": 0.0,
        "beta": 0.0,
    },
    "Lion": {"beta_1": 0.9, "beta_2": 0.99},
    "Nadam": {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7},
    "RMSprop": {"rho": 0.9, "epsilon": 1e-7},
    "Bop": {"adaptivity": 1e-4, "threshold": 1e-8},
}


def _sgd(x, g, step, rate, state, momentum=0.0, nesterov=False):
    state["m"] = momentum * state.get("m", 0.0) - rate * g
    return x + (momentum * state["m"] - rate * g if nesterov else state["m"])


def _means(g, state, beta_1, beta_2):
    state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * g
    state["v"] = beta_2 * state.get("v", 0.0) + (1 - beta_2) * g**2
    return state["m"], state["v"]


def _adam(x, g, step, rate, state, beta_1, beta_2, epsilon, amsgrad=False):
    m, v = _means(g, state, beta_1, beta_2)
    if amsgrad:
        state["top"] = v = np.maximum(state.get("top", 0.0), v)
    return x - rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step) * m / (np.sqrt(v) + epsilon)


def _nadam(x, g, step, rate, state, beta_1, beta_2, epsilon):
    m, v = _means(g, state, beta_1, beta_2)
    now, after = (beta_1 * (1 - 0.5 * 0.96**n) for n in (step, step + 1))
    state["product"] = product = state.get("product", 1.0) * now
    mean = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
    return x - rate * mean / (np.sqrt(v / (1 - beta_2**step)) + epsilon)


def _adamax(x, g, step, rate, state, beta_1, beta_2, epsilon):
    state["m"] = beta_1 * state.get("m", 0.0) + (1 - beta_1) * g
    state["u"] = np.maximum(beta_2 * state.get("u", 0.0), np.abs(g))
    return x - rate / (1 - beta_1**step) * state["m"] / (state["u"] + epsilon)


def _adagrad(x, g, step, rate, state, initial_accumulator_value, epsilon):
    state["sum"] = state.get("sum", initial_accumulator_value) + g**2
    return x - rate * g / np.sqrt(state["sum"] + epsilon)


def _adadelta(x, g, step, rate, state, rho, epsilon):
    state["g"] = rho * state.get("g", 0.0) + (1 - rho) * g**2
    delta = -np.sqrt(state.get("d", 0.0) + epsilon) / np.sqrt(state["g"] + epsilon) * g
    state["d"] = rho * state.get("d", 0.0) + (1 - rho) * delta**2
    return x + rate * delta


def _rmsprop(x, g, step, rate, state, rho, epsilon, momentum=0.0, centered=False):
    state["v"] = rho * state.get("v", 0.0) + (1 - rho) * g**2
    state["mean"] = rho * state.get("mean", 0.0) + (1 - rho) * g
    variance = state["v"] - (state["mean"] ** 2 if centered else 0.0)
    state["m"] = momentum * state.get("m", 0.0) + rate * g / np.sqrt(variance + epsilon)
    return x - state["m"]


def _lion(x, g, step, rate, state, beta_1, beta_2):
    m = state.get("m", 0.0)
    state["m"] = beta_2 * m + (1 - beta_2) * g
    return x - rate * np.sign(beta_1 * m + (1 - beta_1) * g)


def _ftrl(x, g, step, rate, state, **own):
    power, l1 = -own["learning_rate_power"], own["l1_regularization_strength"]
    l2 = own["l2_regularization_strength"] + own["beta"] / (2 * rate)
    before = state.get("sum", own["initial_accumulator_value"] + 0 * x)
    state["sum"] = before + g**2
    shrunk = g + 2 * own["l2_shrinkage_regularization_strength"] * x
    state["z"] = state.get("z", 0.0) + shrunk - (state["sum"] ** power - before**power) / rate * x
    return (np.clip(state["z"], -l1, l1) - state["z"]) / (state["sum"] ** power / rate + 2 * l2)


def _bop(x, g, step, rate, state, adaptivity, threshold):
    state["m"] = (1 - adaptivity) * state.get("m", 0.0) + adaptivity * g
    return np.where(x * state["m"] > threshold, -x, x)


_UPDATES = {
    "SGD": _sgd,
    "Adam": _adam,
    "AdamW": _adam,
    "Nadam": _nadam,
    "Adamax": _adamax,
    "Adagrad": _adagrad,
    "Adadelta": _adadelta,
    "RMSprop": _rmsprop,
    "Lion": _lion,
    "Ftrl": _ftrl,
    "Bop": _bop,
}
