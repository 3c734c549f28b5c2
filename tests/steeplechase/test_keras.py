"""The Keras layers: the operation that is raced, in every kind of model, saved and loaded by another process."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import config

import estimators
from estimators.function import functions
from steeplechase.errors import Unsupported, UserError
from steeplechase.keras import ClipWeights, HardActivation, HardConv2D, HardDense
from tests.oracles.command import ROOT

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(128, 8, 8, 2)).astype("float32")
BRIGHT = (IMAGES.mean((1, 2, 3)) > 0).astype("int32")


def small(kind="sequential", **of_dense):
    """A binarized convnet for IMAGES."""
    layers = [
        HardConv2D(8, 3, HardActivation("tanh_slope", scale=2.0), clip=1.0, padding="same"),
        keras.layers.BatchNormalization(),
        HardActivation("tanh_slope", half_width=1.0),
        keras.layers.Flatten(),
        HardDense(16, "ste_clipped", "ste", **{"clip": 0.5, **of_dense}),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(2, dtype="float32"),
    ]
    if kind == "sequential":
        return keras.Sequential([keras.Input(IMAGES.shape[1:]), *layers])
    if kind == "functional":
        x = inputs = keras.Input(IMAGES.shape[1:])
        for layer in layers:
            x = layer(x)
        return keras.Model(inputs, x)

    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.parts = layers

        def call(self, x):
            for layer in self.parts:
                x = layer(x)
            return x

    return Subclassed()


def fitted(model, jit_compile=True, epochs=8):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, jit_compile=jit_compile)
    return model.fit(IMAGES, BRIGHT, 32, epochs, verbose=0).history["loss"]


def test_it_is_the_operation_of_the_book(page):
    """Values and gradients are those of page.hard, for every estimator of the book."""
    x = tf.constant(RNG.normal(size=(64,)), tf.float32)
    layer = HardActivation(page.name, at_zero=-1, seed=1)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        ours = layer(x)
        theirs = None if page.random else page.hard(x, at_zero=-1)
    assert set(ours.numpy()) == {-1.0, 1.0}
    gradient = tape.gradient(ours, x)
    if page.random:
        assert np.isfinite(gradient).all() and not np.array_equal(gradient, tape.gradient(ours, x))
    else:
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(gradient, tape.gradient(theirs, x))


def test_a_half_width_is_that_of_the_slope():
    layer = HardActivation("tanh_slope", scale=3.0, half_width=0.7)
    at = layer.slope(tf.constant([0.0, 0.7], tf.float64)).numpy()
    np.testing.assert_allclose(at[1] / at[0], 0.5, rtol=1e-9)


@pytest.fixture
def compiled():
    """Keras compiles with XLA only where nothing asks for deterministic operations, as these tests do elsewhere."""
    before = config.is_op_determinism_enabled()
    config.disable_op_determinism()
    yield
    if before:
        config.enable_op_determinism()


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("sequential", marks=pytest.mark.long),
        "functional",
        pytest.param("subclassed", marks=pytest.mark.long),
    ],
)
def test_it_learns_in_every_kind_of_model(kind, compiled):
    keras.utils.set_random_seed(0)
    losses = fitted(small(kind))
    assert losses[-1] < 0.6 * losses[0]


def test_it_learns_without_a_compiler_as_with_it(compiled):
    losses = []
    for jit_compile in (True, False):
        keras.utils.set_random_seed(0)
        losses.append(fitted(small(), jit_compile))
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.02)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_random_slope_learns(jit_compile, compiled):
    """With a last batch that is smaller, of a size that a graph does not know."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(IMAGES.shape[1:]), keras.layers.Flatten(), HardDense(16, "sso", "sso"), keras.layers.Dense(2)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss, jit_compile=jit_compile)
    losses = model.fit(IMAGES[:100], BRIGHT[:100], 32, 8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    state = model.layers[1].kernel_estimator.seed_generator.state.numpy()
    assert state[1] >= 8 * 4, "each step draws anew"


def test_what_a_layer_is_made_of_is_saved_whole():
    """With the parameters that were not given, and those of the hard function: other defaults make no other layer."""
    config = HardActivation("tanh_slope", function=functions["sign"].fixed(at_zero=-1)).get_config()
    assert config["scale"] == 1.0 and config["at_zero"] == -1
    again = HardActivation.from_config(config)
    np.testing.assert_array_equal(again(np.zeros(1, "float32")), [-1.0])


def test_a_mask_goes_through():
    model = keras.Sequential([keras.layers.Embedding(5, 3, mask_zero=True), HardActivation("ste")])
    out = model(np.array([[1, 0]]))
    assert np.array_equal(out._keras_mask, [[True, False]])


@pytest.mark.parametrize(
    "policy", ["mixed_float16", *(pytest.param(name, marks=pytest.mark.long) for name in ("mixed_bfloat16", "float64"))]
)
def test_it_learns_in_every_precision(policy, compiled):
    keras.utils.set_random_seed(0)
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy)
        model = small()
        losses = fitted(model)
    finally:
        keras.config.set_dtype_policy(before)
    assert losses[-1] < 0.6 * losses[0]
    wanted = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}.get(policy, policy)
    assert model.layers[0].compute_dtype == model.layers[2].compute_dtype == wanted


def test_an_operation_of_another_precision_changes_no_dtype():
    """What is handed to a layer was made under another policy: the product stays the layer's."""
    layer = HardDense(3, HardActivation("ste", dtype="float64"), HardActivation("ste"), dtype="float16")
    assert layer(np.ones((2, 4), "float16")).dtype == "float16"


def test_products_are_those_of_hard_numbers():
    dense = HardDense(5, "tanh_slope", "ste", use_bias=True)
    x = RNG.normal(size=(3, 4)).astype("float32")
    out = dense(x).numpy()
    sign = lambda a: np.where(a >= 0, 1.0, -1.0)  # noqa: E731
    np.testing.assert_allclose(out, sign(x) @ sign(dense.kernel.numpy()) + dense.bias.numpy(), rtol=1e-6)
    np.testing.assert_array_equal(dense.hard_kernel, sign(dense.kernel.numpy()))
    convolution = HardConv2D(3, 2, None, "ste")
    given = convolution(IMAGES)
    plain = tf.nn.conv2d(sign(IMAGES).astype("float32"), convolution.kernel.numpy(), 1, "VALID")
    np.testing.assert_allclose(given, plain, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(convolution.hard_kernel, convolution.kernel.numpy())


def test_a_rounded_layer_is_saved_with_its_bits(tmp_path):
    """Weights of three bits and activations of two, unsigned: levels, gradients and the loaded model's outputs."""
    four = {"name": "round", "bits": 2, "range": "unsigned"}
    kernel = HardActivation("tanh_slope", function={"name": "round", "bits": 3}, normalize="period", scale=3.0)
    model = keras.Sequential(
        [keras.Input((4,)), HardDense(5, kernel), HardActivation("ste", function=four), keras.layers.Dense(2)]
    )
    model.layers[0].kernel.assign(3 * model.layers[0].kernel)
    x = 3 * RNG.normal(size=(20, 4)).astype("float32")
    wanted = np.clip(np.rint(model.layers[0].kernel.numpy()), -4, 3)
    np.testing.assert_array_equal(model.layers[0].hard_kernel, wanted)
    hidden = np.clip(np.rint(x @ wanted), 0, 3)
    np.testing.assert_array_equal(model.layers[1](x @ wanted), hidden)
    np.testing.assert_array_equal(model.layers[1].slope(x @ wanted), (x @ wanted >= 0) & (x @ wanted <= 3))
    outputs = model(x).numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(x), outputs)
    assert loaded.layers[0].kernel_estimator.function == kernel.function != functions["round"]
    assert loaded.layers[1].get_config()["function"] == {"ties": "even", "edge": "clip_closed", **four}
    with pytest.raises(UserError, match="round has no parameter 'bit'"):
        HardActivation("ste", function={"name": "round", "bit": 2})
    with pytest.raises(Unsupported, match="sign has one jump alone"):
        HardActivation("ste", normalize="period")


def test_latent_weights_stay_within_their_limit():
    keras.utils.set_random_seed(0)
    limited, free = small(), small(clip=None)
    for model in (limited, free):
        model.layers[4].kernel.assign(model.layers[4].kernel * 10)
        fitted(model, jit_compile=False, epochs=1)
    assert abs(limited.layers[4].kernel.numpy()).max() <= 0.5 < abs(free.layers[4].kernel.numpy()).max()
    plain = HardDense(4)
    assert plain.kernel_constraint is None and plain.get_config()["clip"] is None
    assert isinstance(limited.layers[4].kernel_constraint, ClipWeights)


def test_a_saved_model_gives_the_same_in_another_process(tmp_path):
    """By Keras's own file and by TensorFlow's, of which the second needs nothing of ours to be loaded."""
    keras.utils.set_random_seed(0)
    model = small()
    fitted(model, jit_compile=False, epochs=2)
    outputs = model(IMAGES).numpy()
    model.save(tmp_path / "model.keras")
    tf.saved_model.save(model, str(tmp_path / "tf"))
    model.export(tmp_path / "served", verbose=False)
    np.savez(tmp_path / "images.npz", images=IMAGES, outputs=outputs)
    code = f"""
import sys
import numpy as np, tensorflow as tf
known = np.load("images.npz")
images, outputs = known["images"], known["outputs"]
module = tf.saved_model.load("tf")
served = module.signatures["serving_default"]
[(name, _)] = served.structured_input_signature[1].items()
[answer] = served(**{{name: tf.constant(images)}}).values()
np.testing.assert_array_equal(answer, outputs)
exported = tf.saved_model.load("served")
np.testing.assert_array_equal(exported.serve(images), outputs)
assert "estimators" not in sys.modules
sys.path.insert(0, {str(ROOT)!r})
import keras, steeplechase.keras
model = keras.saving.load_model("model.keras")
np.testing.assert_array_equal(model(images), outputs)
assert model.layers[0].kernel_estimator.parameters == {{"scale": 2.0}} and model.layers[4].clip == 0.5
assert model.layers[2].half_width == 1.0
model.compile(loss="mse")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr


def test_a_model_that_asks_for_an_estimator_that_is_not_there_is_one_sentence(tmp_path):
    """Of a later version, or of a file that nobody has imported."""
    name = "only_here"
    registered = estimators.surrogate.Surrogate(name=name, label="x", rule=lambda x: tf.ones_like(x), source="x")
    estimators.registry.register(name, registered)
    inputs = keras.Input((3,))
    try:
        keras.Sequential([inputs, HardActivation(name)]).save(tmp_path / "sequential.keras")
        keras.Model(inputs, HardDense(2, name)(inputs)).save(tmp_path / "functional.keras")
    finally:
        del estimators.registry[name]
    for kind in ("sequential", "functional"):
        with pytest.raises(UserError, match="^there is no estimator 'only_here'.*once the file that defines it"):
            keras.saving.load_model(tmp_path / f"{kind}.keras")
    config = HardActivation("tanh_slope").get_config() | {"steepness": 2.0}
    with pytest.raises(UserError, match="^tanh_slope has no parameter 'steepness'"):
        HardActivation.from_config(config)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: HardActivation("tanhslop"), "did you mean 'tanh_slope'"),
        (lambda: HardActivation(3), "there is no estimator '3'"),
        (lambda: HardActivation("tanh_slope", scal=2), "no parameter 'scal'.*did you mean 'scale'"),
        (lambda: HardActivation("tanh_slope", scale=-1), "tanh_slope.scale is -1, but must be > 0"),
        (lambda: HardActivation("tanh_slope", normalize="are"), "normalize is 'are'"),
        (lambda: HardActivation("tanh_slope", function="sgn"), f"must be one of: {', '.join(functions)}"),
        (lambda: HardActivation("tanh_slope", at_zero=3), "at_zero"),
        (lambda: HardActivation("tanh_slope", half_width=0), "half_width is 0, but must be"),
        (lambda: HardActivation("tanh_slope", half_width="1"), "half_width is '1', but must be"),
        (lambda: HardDense(3, clip=np.float32(0)), "clip is 0.0, but must be"),
        (lambda: HardActivation("ste", half_width=1.0), "ste has no half-width: leave half_width out"),
        (lambda: HardDense(3, clip=-1), "clip is -1, but must be"),
        (lambda: HardDense(3, clip=1, kernel_constraint="non_neg"), "clip and kernel_constraint are both given"),
        (lambda: HardConv2D(3, 3, "stee"), "did you mean 'ste'"),
        (lambda: HardDense(3, "tanh_slope", scale=2.0), "Dense has no setting 'scale'.*HardActivation"),
        (lambda: HardDense(3, print), "is no estimator: give its name, or a HardActivation"),
    ],
)
def test_a_mistake_is_one_sentence(make, said):
    with pytest.raises(UserError, match=said) as told:
        make()
    assert "\n" not in str(told.value)


def test_a_normalisation_that_cannot_be_is_unsupported():
    with pytest.raises(Unsupported, match="ste cannot be normalised by area"):
        HardActivation("ste", normalize="area")


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(UserError, match="Keras computes with jax here, but these layers need tensorflow"):
        HardActivation("ste")


def test_a_multiplier_is_the_slope_without_tensors(page):
    x = np.linspace(-2, 2, 9)
    if page.random:
        with pytest.raises(UserError, match="give it chance"):
            page.multiplier(x)
        return
    found = page.multiplier(x)
    assert isinstance(found, np.ndarray) and found.dtype == np.float64
    np.testing.assert_array_equal(found, page.slope(tf.constant(x)).numpy())
    assert page.multiplier(np.float32([0, 1])).dtype == np.float32 and page.multiplier([0, 1]).dtype == np.float64


def test_a_formula_is_what_the_page_says(page):
    assert page.formula and " ".join(page.formula.split()) in " ".join(page.rule.__doc__.split())
    assert "Needs" not in page.formula and "Replaces" not in page.formula


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"function": "sgn"}, r"^function is 'sgn', but must be one of"),
        ({"forward": "sign"}, r"^there is no forward here: .* is its function"),
    ],
)
def test_a_layers_function_is_told_by_the_word_function(given, said):
    with pytest.raises(UserError, match=said):
        HardActivation("ste", **given)
