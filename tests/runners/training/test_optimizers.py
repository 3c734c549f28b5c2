"""Each optimizer's page against plain Keras, one training at a time; and what is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from runners.configuration import schema
from runners.configuration.choices import GRID_KEYS
from runners.optimizer_traits import TRAITS
from runners.training import optimizers
from steeplechase.errors import UserError
from tests.oracles import optimizers as formulas

PAGES = sorted(path.stem for path in (schema.CONF / "optimizer").glob("*.yaml"))
ELEMENTWISE = [name for name, traits in TRAITS.items() if not traits.mixes]
PER_REPLICA = {name: traits.per_replica for name, traits in TRAITS.items()}
RATES = [0.003, 0.01, 0.03, 0.1]
SIZES = (5, 3)
STEPS = 20


def arguments(name: str) -> dict:
    page = yaml.safe_load((schema.CONF / "optimizer" / f"{name}.yaml").read_text(encoding="utf-8"))
    return page["keras"], {
        k: v for k, v in page.items() if k not in ("name", "keras", "learning_rate", *GRID_KEYS) and v is not None
    }


def gradients(step: int, rows: int) -> list[np.ndarray]:
    """Different for each replica, some of them large, so that clipping and second moments have something to do."""
    draw = np.random.Generator(np.random.PCG64([step, 5]))
    return [
        draw.normal(0, 1, [rows, size]).astype(np.float32) * (1 + 4 * (draw.random([rows, size]) < 0.1))
        for size in SIZES
    ]


def start(rows):
    draw = np.random.Generator(np.random.PCG64(9))
    return [draw.normal(0, 1, [rows, size]).astype(np.float32) for size in SIZES]


def stacked(keras_name, fixed, rows=None, weights=()):
    variables = [keras.Variable(v, name=f"v{i}") for i, v in enumerate(start(len(RATES)))]
    rate = tf.constant(RATES)[:, None]
    own = {k: tf.Variable(np.array(v, np.float32)[:, None]) for k, v in (rows or {}).items()}
    built = optimizers.build(keras_name, fixed, lambda: rate, variables, weights, own)

    @tf.function(jit_compile=True)
    def step(given):
        built.apply(given, variables)

    for i in range(STEPS):
        step([tf.constant(g, tf.float32) for g in gradients(i, len(RATES))])
    return [v.numpy() for v in variables]


def alone(keras_name, fixed, i, rows=None):
    variables = [keras.Variable(v[i]) for v in start(len(RATES))]
    built = getattr(keras.optimizers, keras_name)(RATES[i], **fixed, **{k: v[i] for k, v in (rows or {}).items()})
    built.build(variables)
    for step in range(STEPS):
        built.apply([tf.constant(g[i], tf.float32) for g in gradients(step, len(RATES))], variables)
    return [v.numpy() for v in variables]


@pytest.mark.parametrize(
    "extra", [{}, {"weight_decay": 0.05}, {"clipvalue": 0.7}], ids=["as it is", "decay", "clipping"]
)
@pytest.mark.parametrize("name", [name for name in PAGES if name != "bop"])
def test_equals_plain_keras(name, extra):
    keras_name, fixed = arguments(name)
    together = stacked(keras_name, fixed | extra)
    moved = max(np.abs(v - s).max() for v, s in zip(together, start(len(RATES)), strict=True))
    assert moved > 0.05, "nothing moved: the comparison would hold for any optimizer"
    for i in range(len(RATES)):
        for mine, theirs in zip(together, alone(keras_name, fixed | extra, i), strict=True):
            np.testing.assert_allclose(mine[i], theirs, atol=5e-6, rtol=1e-5)


@pytest.mark.parametrize("keras_name, name", [(k, n) for k, names in PER_REPLICA.items() if k != "Bop" for n in names])
def test_a_number_for_each_replica_equals_plain_keras(keras_name, name):
    values = {"weight_decay": [0.0, 0.01, 0.1, 0.3], "epsilon": [1e-7, 1e-4, 1e-2, 1.0]}.get(
        name, [0.5, 0.8, 0.9, 0.99]
    )
    together = stacked(keras_name, {}, {name: values})
    for i in range(len(RATES)):
        for mine, theirs in zip(together, alone(keras_name, {}, i, {name: values}), strict=True):
            np.testing.assert_allclose(mine[i], theirs, atol=5e-6, rtol=1e-5)


WIDE = [
    *((name, *arguments(name)) for name in PAGES),
    *((name, name, {}) for name in ELEMENTWISE),
    *((f"{name} with decay and clipping", *arguments(name)) for name in PAGES if name != "bop"),
    ("Adam with amsgrad", "Adam", {"amsgrad": True}),
    ("RMSprop with all", "RMSprop", {"centered": True, "momentum": 0.7, "rho": 0.8, "weight_decay": 0.3}),
    ("Ftrl with all", "Ftrl", {"learning_rate_power": -0.6, "l1_regularization_strength": 0.1, "beta": 0.3}),
]
WIDE[-1][2].update(l2_regularization_strength=0.7, l2_shrinkage_regularization_strength=0.2)


def wide(keras_name, fixed, rows=None, weights=(), steps=30):
    """One stacked variable after 30 steps in float64, in one compiled program as the trainer has it; and NumPy's."""
    first = start(len(RATES))[0] if not weights else np.where(start(len(RATES))[0] >= 0, 1.0, -1.0)
    given = [gradients(step, len(RATES))[0].astype(np.float64) / 3 for step in range(steps)]
    columns = {name: np.array(values, np.float64)[:, None] for name, values in (rows or {}).items()}
    variables = [keras.Variable(first, dtype="float64", name="v0")]
    rates, own = tf.constant(RATES, tf.float64)[:, None], {k: tf.constant(v) for k, v in columns.items()}
    built = optimizers.build(keras_name, fixed, lambda: rates, variables, weights, own)

    @tf.function(jit_compile=True)
    def step(gradient):
        built.apply([gradient], variables)

    for gradient in given:
        step(tf.constant(gradient))
    own = {k: v for k, v in fixed.items() if keras_name != "Bop" or k in ("adaptivity", "threshold")} | columns
    rates = np.array(RATES)[:, None]
    return variables[0].numpy(), formulas.trained(keras_name, first, given, rates, **own), first


@pytest.mark.parametrize("name, keras_name, fixed", WIDE, ids=[name for name, *_ in WIDE])
def test_float64_takes_every_number_as_it_is(name, keras_name, fixed):
    fixed = fixed | ({"weight_decay": 0.05, "clipvalue": 0.3} if name.endswith("decay and clipping") else {})
    fixed |= {"adaptivity": 0.3, "threshold": 0.01} if keras_name == "Bop" else {}
    ours, theirs, first = wide(keras_name, fixed, weights=("v0",) if keras_name == "Bop" else ())
    assert np.abs(ours - first).max() > 1e-4, "nothing moved: the comparison would hold for any optimizer"
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("keras_name, name", [(k, n) for k, names in PER_REPLICA.items() for n in names])
def test_float64_takes_each_replicas_own_number_as_it_is(keras_name, name):
    values = {"epsilon": [1e-7, 1e-4, 1e-2, 1.0], "threshold": [0.0, 0.01, 0.03, 0.1]}.get(name, [0.3, 0.7, 0.9, 0.99])
    others = {"adaptivity": 0.3} if name == "threshold" else {}
    ours, theirs, _ = wide(keras_name, others, {name: values}, ("v0",) if keras_name == "Bop" else ())
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)


def test_nadam_restated_is_keras_own():
    """In float32, where nothing is lost, to the bit."""
    found = []
    for kind in (keras.optimizers.Nadam, optimizers.WideNadam):
        variables = [keras.Variable(start(2)[0])]
        built = kind(0.01)
        built.build(variables)
        for step in range(STEPS):
            built.apply([tf.constant(gradients(step, 2)[0])], variables)
        found.append(variables[0].numpy())
    np.testing.assert_array_equal(*found)


def test_bop_follows_its_formula():
    """Against NumPy: m ← (1−γ)m + γg, flip where w·m > τ; and its other variable against plain Adam."""
    flips, threshold = [0.001, 0.1, 0.5, 1.0], [0.0, 0.01, 0.1, 0.2]
    weights = keras.Variable(np.where(start(4)[0] >= 0, 1.0, -1.0).astype(np.float32), name="v0")
    other = keras.Variable(start(4)[1], name="v1")
    rate = tf.constant(RATES)[:, None]
    rows = {"adaptivity": tf.constant(flips)[:, None], "threshold": tf.constant(threshold)[:, None]}
    built = optimizers.build("Bop", {}, lambda: rate, [weights, other], ["v0"], rows)
    w, m, changes = weights.numpy(), np.zeros([4, SIZES[0]], np.float32), 0
    for step in range(STEPS):
        given = [g.astype(np.float32) for g in gradients(step, 4)]
        built.apply([tf.constant(g) for g in given], [weights, other])
        gamma, tau = np.float32(flips)[:, None], np.float32(threshold)[:, None]
        m = (1 - gamma) * m + gamma * given[0]
        changes += int((w * m > tau).sum())
        w = np.where(w * m > tau, -w, w)
        np.testing.assert_array_equal(weights.numpy(), w)
    assert changes > 10
    for i in range(4):
        np.testing.assert_allclose(other.numpy()[i], alone("Adam", {}, i)[1], atol=5e-6, rtol=1e-5)


def test_bop_flips_nothing_without_a_gradient():
    weights = keras.Variable(np.array([[1.0, -1.0]], np.float32), name="w")
    built = optimizers.build("Bop", {"threshold": 0.0}, lambda: tf.constant([[0.1]]), [weights], ["w"])
    for _ in range(3):
        built.apply([tf.zeros([1, 2])], [weights])
    assert any(built.flipping)
    np.testing.assert_array_equal(weights.numpy(), [[1.0, -1.0]])


@pytest.mark.parametrize("keras_name", ["Lamb", "Adafactor", "Muon"])
def test_what_is_not_elementwise_is_refused_and_would_be_wrong(keras_name):
    with pytest.raises(UserError, match=f"{keras_name} is not element-wise"):
        optimizers.check(keras_name, {})
    # The reason, seen: on stacked variables it trains other numbers than alone, without any error.
    variables = [keras.Variable(v) for v in start(len(RATES))]
    built = getattr(keras.optimizers, keras_name)(lambda: tf.constant(RATES)[:, None])
    built.build(variables)
    for step in range(STEPS):
        built.apply([tf.constant(g, tf.float32) for g in gradients(step, len(RATES))], variables)
    apart = [np.abs(variables[0].numpy()[i] - alone(keras_name, {}, i)[0]).max() for i in range(len(RATES))]
    assert max(apart) > 1e-2


@pytest.mark.parametrize("name, value", [("clipnorm", 1.0), ("global_clipnorm", 1.0), ("use_ema", True)])
def test_arguments_that_mix_replicas_are_refused(name, value):
    with pytest.raises(UserError, match=f"optimizer.{name} is refused"):
        optimizers.check("Adam", {name: value})


def test_unknown_names_get_the_nearest():
    with pytest.raises(UserError, match="did you mean 'Adam'"):
        optimizers.check("Adan", {})
    with pytest.raises(UserError, match="did you mean 'beta_1'"):
        optimizers.check("Adam", {"beta1": 0.5})
