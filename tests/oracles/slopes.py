"""The slopes of all pages that are not random once more, in NumPy and in another algebraic form where there is one."""

import numpy as np


def _sech2(z):
    return 1 / np.cosh(np.clip(z, -350, 350)) ** 2  # beyond, cosh² is too large for float64


def _normal(x, mean, deviation):
    return np.exp(-((x - mean) ** 2) / (2 * deviation**2)) / np.sqrt(2 * np.pi * deviation**2)


def _swish_sign(x, beta=5.0):
    z = beta * x
    return beta / 2 * _sech2(z / 2) * (2 - z * np.tanh(z / 2))


def _mag_aware(x, clip=1.0):
    x = np.asarray(x)
    mean = np.abs(x).mean(tuple(range(x.ndim - 1)) if x.ndim > 1 else None)
    return np.where(np.abs(x) > clip, 0.0, mean)


def _fake_numerical(x, alpha=0.3):
    return np.minimum(1 / np.where(x == 0, 1e-300, np.abs(x)), alpha)


def _s2nn(x, alpha=4.0, beta=1.0):
    return np.where(x < 0, alpha / 4 * _sech2(alpha * x / 2), beta / (np.abs(x) + 1))


def _log_tailed_relu(x, leak=0.0):
    return np.select([x <= 0, x <= 1], [leak, 1.0], 1 / np.maximum(np.abs(x), 1))


def _fourier(x, terms=1.0, period=8.0):
    return 4 / period * sum(np.cos((2 * i - 1) * 2 * np.pi * x / period) for i in range(1, round(terms) + 1))


def _multi_gauss(x, height=0.5, sigma=0.5, scale=6.0, lobe=0.15):
    lobes = _normal(x, sigma, scale * sigma) + _normal(x, -sigma, scale * sigma)
    return height * ((1 + lobe) * _normal(x, 0, sigma) - lobe * lobes)


def _circ(x, alpha=1.0):
    r2 = alpha**2 + x**2
    return 2 * alpha * (1 / (2 * np.sqrt(r2)) - x**2 / (2 * r2**1.5))


def _ede(x, t=1.0):
    return max(1 / t, 1) * t * _sech2(t * x)


def _rbnn(x, t=1.0):
    return np.maximum(0, max(1 / t, 1) * (np.sqrt(2) * t - t**2 * np.abs(x)))


def _reste(x, o=3.0, clip=1.5, secant=0.1):
    size = np.abs(x)
    tangent = np.maximum(size, secant) ** ((1 - o) / o) / o
    return np.select([size <= secant, size <= clip], [secant ** (1 / o) / secant, tangent], 0.0)


def _dsq(x, a=0.2):
    k = np.arctanh(1 - a)  # the k with tanh(k) = 1 − a is ln(2/a − 1)/2
    return np.where(np.abs(x) > 1, 0.0, k / (1 - a) * _sech2(k * x))


def _stableqat(x, amplitude=0.21):
    off = x - 0.5 - np.round(x - 0.5)  # from the nearest level, as the paper has it: x is from the jump
    t = np.sqrt(2) * np.pi * amplitude * np.cos(np.pi * off)
    return np.where(np.abs(x) > 0.5, 0.0, (1 - t) / (1 + t))


def _dge(x, k=5.0, cap=3.0):
    root = np.abs(2 * np.where(x == 0, 1e-300, x)) ** ((1 - k) / k) / k
    return np.where(np.abs(x) > 0.5, 0.0, np.minimum(cap, root))


def _entmax(x, scale=1.0):
    """By the roots of the two shares: a·b/(a + b), with a − b = scale·x/2 and a² + b² = 1."""
    u = np.clip(scale * x / 2, -1, 1)
    a, b = np.cos(np.pi / 4 - np.arcsin(u / np.sqrt(2))), np.sin(np.pi / 4 - np.arcsin(u / np.sqrt(2)))
    return np.where(np.abs(u) < 1, scale * a * b / (a + b), 0.0)


SLOPES = {
    "approx_sign": lambda x: np.interp(x, [-1, 0, 1], [0.0, 2.0, 0.0]),
    "atan": lambda x, alpha=2.0: 2 * alpha / (4 + (np.pi * alpha * x) ** 2),
    "circ": _circ,
    "dge": _dge,
    "dsq": _dsq,
    "ede": _ede,
    "entmax15": _entmax,
    "erf": lambda x, alpha=2.0: _normal(x, 0, np.sqrt(0.5) / alpha),
    "exponential": lambda x, alpha=1.0: alpha / 2 * np.exp2(-alpha * np.abs(x) / np.log(2)),
    "fake_numerical": _fake_numerical,
    "fast_sigmoid": lambda x, scale=25.0: (1 + scale * np.abs(x)) ** -2,
    "fourier": _fourier,
    "gauss": lambda x, height=0.5, sigma=0.5: height * _normal(x, 0, sigma),
    "leaky": lambda x, width=1.0, leak=0.01: np.where(np.abs(x) >= width, leak, 1 / (2 * width)),
    "leaky_k_relu": lambda x, k=1.0, leak=0.0: np.where(x < 0, leak, k),
    "log_tailed_relu": _log_tailed_relu,
    "lso": lambda x, k=0.1: k + (1 - k) * np.heaviside(x, 0.0),
    "mag_aware": _mag_aware,
    "multi_gauss": _multi_gauss,
    "nonzero_sign_log_abs": lambda x, alpha=1.0: alpha / (1 + alpha * np.abs(x)),
    "piecewise_quadratic": lambda x, alpha=1.0: np.interp(np.abs(x), [0, 1 / alpha], [alpha, 0.0]),
    "q_pseudo": lambda x, alpha=2.0: (1 + 2 * np.abs(x) / (alpha - 1)) ** -alpha,
    "rbnn": _rbnn,
    "rect": lambda x, alpha=1.0: np.where(2 * alpha * np.abs(x) < 1, alpha, 0.0),
    "reste": _reste,
    "s2nn": _s2nn,
    "sigmoid_derivative": lambda x, scale=1.0: scale / 4 * _sech2(scale * x / 2),
    "sigmoid_n": lambda x, scale=10.0: _sech2(scale * x / 2) / 4,
    "slope_annealing": lambda x, slope=1.0: slope / 2 * np.heaviside(1 - slope * np.abs(x), 1.0),
    "softsign": lambda x, alpha=2.0: alpha / (2 * (1 + 2 * alpha * np.abs(x) + (alpha * x) ** 2)),
    "sparse_fs": lambda x, scale=100.0, threshold=0.2: np.where(
        np.abs(x) >= threshold, 0.0, (1 + 2 * scale * np.abs(x) + (scale * x) ** 2) ** -1
    ),
    "sparse_fs_snntorch": lambda x, scale=25.0, threshold=1.0: (
        np.heaviside(x - threshold, 0.0) / (1 + 2 * scale * np.abs(x) + (scale * x) ** 2)
    ),
    "spike_op": lambda x: np.heaviside(x, 0.0),
    "stableqat": _stableqat,
    "ste": lambda x: np.ones_like(x),
    "ste_clipped": lambda x, clip=1.0: np.heaviside(clip - np.abs(x), 1.0),
    "superspike_asym": lambda x, beta=100.0: 1 / (beta * (np.abs(x) + 1 / beta) ** 2),
    "swish_sign": _swish_sign,
    "tanh_slope": lambda x, scale=1.0: scale * _sech2(scale * x),
    "triangle": lambda x, height=0.3, width=1.0: np.interp(np.abs(x), [0, width], [height, 0.0]),
    "zero": lambda x: np.zeros_like(x),
}

# What the literature knows to be the same: ((name, parameters), (name, parameters)).
SAME = [
    (("softsign", {"alpha": 2.0}), ("q_pseudo", {"alpha": 2.0})),
    (("ede", {"t": 1.0}), ("tanh_slope", {"scale": 1.0})),
    (("reste", {"o": 1.0}), ("ste_clipped", {"clip": 1.5})),
    (("triangle", {"height": 1.0, "width": 1.0}), ("piecewise_quadratic", {"alpha": 1.0})),
    (("erf", {"alpha": 2.0}), ("gauss", {"height": 1.0, "sigma": 0.125**0.5})),
    (("multi_gauss", {"lobe": 0.0}), ("gauss", {})),
    (("slope_annealing", {"slope": 2.0}), ("ste_clipped", {"clip": 0.5})),
]

# The areas by which defaults differ 25-fold.
AREAS = [
    ("fast_sigmoid", {"scale": 25.0}, 0.08),
    ("fast_sigmoid", {"scale": 10.0}, 0.2),
    ("triangle", {}, 0.3),
    ("multi_gauss", {}, 0.425),
    ("sparse_fs", {}, 0.4 / 21),
    *((name, {}, 1.0) for name in ("atan", "erf", "softsign", "q_pseudo", "sigmoid_derivative", "rect", "exponential")),
    ("entmax15", {}, 1.0),
    *((name, {}, 2.0) for name in ("approx_sign", "swish_sign", "tanh_slope", "ste_clipped", "dsq")),
]

# Where libraries went wrong: (name, parameters, x, the right slope).
KNOWN_TRAPS = [
    ("sigmoid_derivative", {"scale": 25.0}, -4.0, 25 * np.exp(-100) / (1 + np.exp(-100)) ** 2),  # was NaN
    ("sigmoid_derivative", {"scale": 1.0}, 17.0, np.exp(-17) / (1 + np.exp(-17)) ** 2),  # was 0 in float32
    ("fast_sigmoid", {"scale": 100.0}, 0.1, 1 / 121),  # the scale was ignored
    ("fast_sigmoid", {"scale": 2.0}, 0.0, 1.0),  # the scale was a height
    ("triangle", {"height": 1.0}, 0.5, 0.5),  # was −1 there, and +1 on the other side
    ("triangle", {"height": 1.0}, -0.5, 0.5),
    ("lso", {"k": 0.1}, -1.0, 0.1),  # called another function, and failed
    ("leaky", {"width": 2.0}, 0.5, 0.25),  # was 1/width
    ("sparse_fs", {}, 0.1, 1 / 121),  # was 0 there, and the slope where the paper has none
    ("sparse_fs", {}, 1.1, 0.0),
    ("lso", {"k": 0.1}, 1.0, 1.0),
    ("atan", {"alpha": 2.0}, 0.0, 1.0),  # alpha/2 was missing from the formula
    ("tanh_slope", {"scale": 3.0}, 0.0, 3.0),  # scale was missing as a factor
    ("ste_clipped", {"clip": 1.0}, 1.0, 1.0),  # the edge passes, as in the paper
    ("approx_sign", {}, 1.5, 0.0),
    ("swish_sign", {"beta": 5.0}, 0.687, -0.36914360138),  # negative there, on purpose
]
