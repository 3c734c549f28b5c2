"""The contract over the whole book, and what shows that the contract can fail."""

import ast
import functools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import estimators
from estimators.choices import softmax_pull
from estimators.contract import function as function_contract
from estimators.contract import numerics
from estimators.contract import surrogate as surrogate_contract
from estimators.excluded import EXCLUDED
from estimators.function import EQUAL_STEPS, HardFunction, functions, hard_function, value
from estimators.parameters import Range
from estimators.step_size import LSQ
from estimators.surrogate import Surrogate, registry, surrogate
from steeplechase.contract import ContractError
from steeplechase.errors import UserError
from steeplechase.random import Chance, key
from tests.oracles.slopes import AREAS, KNOWN_TRAPS, SAME, SLOPES


@pytest.mark.parametrize("promise", surrogate_contract.CHECKS, ids=lambda promise: promise.__name__)
def test_the_contract(page, promise):
    promise(page)


@pytest.mark.parametrize("name", SLOPES)
def test_the_slope_is_the_formula_restated(name):
    """Against NumPy in float64, written from the papers in another form than the page's, for each page that has been
    restated; the contract holds the others to their counterparts and known values."""
    page = registry[name]
    x = np.sort(np.concatenate([-np.geomspace(1e-6, 80, 300), [0.0], np.geomspace(1e-6, 80, 300)]))
    for chosen in page.example_parameters():
        corners = np.array([float(c) for c in page.trait("corners", **chosen)])
        off = x[np.abs(x[:, None] - corners).min(1, initial=1) > 1e-9]
        wanted = SLOPES[name](off, **{**page.parameters, **chosen})
        found = page.slope(tf.constant(off, tf.float64), **chosen).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12 * np.abs(wanted).max())


def test_single_precision_keeps_seven_digits_of_what_matters(page):
    if page.random:
        return
    x = np.concatenate([-np.geomspace(1e-3, 20, 120), np.geomspace(1e-3, 20, 120)]).astype(np.float32)
    wide, narrow = (page.slope(tf.constant(x, kind)).numpy() for kind in (tf.float64, tf.float32))
    np.testing.assert_allclose(narrow, wide, atol=3e-5 * np.abs(wide).max())


@pytest.mark.parametrize("one, other", SAME, ids=lambda pair: f"{pair[0]}{pair[1] or ''}")
def test_what_the_field_knows_to_be_the_same(one, other):
    x = tf.constant(numerics.GRID)
    slopes = [registry[name].slope(x, **parameters).numpy() for name, parameters in (one, other)]
    np.testing.assert_allclose(*slopes, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name, parameters, area", AREAS)
def test_areas_differ_as_much_as_the_field_says(name, parameters, area):
    np.testing.assert_allclose(float(registry[name].trait("area", **parameters)), area, rtol=1e-6)


@pytest.mark.parametrize("name, parameters, x, slope", KNOWN_TRAPS)
def test_what_other_libraries_got_wrong(name, parameters, x, slope):
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-6)):
        found = float(registry[name].slope(tf.constant(x, dtype), **parameters))
        assert math.isclose(found, slope, rel_tol=tolerance, abs_tol=1e-12), (dtype, found)


@pytest.mark.parametrize("forward", ["sign", "step"])
@pytest.mark.parametrize("at_zero", [1, 0, -1])
@pytest.mark.parametrize("dtype", numerics.FLOATS)
def test_forward_values(forward, at_zero, dtype):
    x = tf.constant([-math.inf, -1e-7, -0.0, 0.0, 1e-7, math.inf, math.nan], dtype)
    zero = at_zero if forward == "sign" else (at_zero + 1) / 2
    low = -1.0 if forward == "sign" else 0.0
    for call in (value, tf.function(value, jit_compile=True)):
        y = tf.cast(call(x, forward=forward, at_zero=at_zero), tf.float64).numpy()
        np.testing.assert_array_equal(y, [low, low, zero, zero, 1.0, 1.0, math.nan])


HARD, REAL = ([f for f in functions.values() if bool(f.exact) is real] for real in (False, True))


@pytest.mark.parametrize("function", REAL, ids=lambda function: function.name)
def test_a_real_function_has_the_slope_that_it_names(function):
    """By differences of its values, away from where it bends; and what stands in a network hands that down."""
    x = np.linspace(-3, 3, 400) + 1e-3
    with tf.GradientTape() as tape:
        at = tf.constant(x)
        tape.watch(at)
        y = registry[function.exact].hard(at, forward=function)
    differences = (function.value(x + 1e-6) - function.value(x - 1e-6)) / 2e-6
    np.testing.assert_allclose(tape.gradient(y, at), differences, atol=1e-8)
    np.testing.assert_array_equal(y, function.value(x))
    assert function.levels == () and len(np.unique(y)) > 100
    assert function.rise == pytest.approx(float(function.value(1e9) - function.value(-1e9)), rel=1e-9) or (
        function.rise == np.inf and float(function.value(1e9)) == 1e9
    )


@pytest.mark.parametrize("function", HARD, ids=lambda function: function.name)
def test_the_contract_of_hard_functions(function):
    checks = list(function_contract.check_all(function))
    promised = function_contract.MIXING if function.mixes else function_contract.CHECKS
    assert len(checks) == len(promised) and not [check.fault for check in checks if check.fault]


def stairs(**fields):
    """Rounding to −1, 0 and 1, with some of its fields replaced; in no registry."""
    return HardFunction(
        **{
            "name": "stairs",
            "label": "round(x)",
            "rule": rounded,
            "levels": (-1.0, 0.0, 1.0),
            "rise": 1.0,
            "jump": lambda x: x - tf.where(x < 0, -0.5, 0.5 * tf.ones_like(x)),
            "period": 1.0,
            **fields,
        }
    )


def scaled(function, parts):
    """The same staircase in steps of 1/parts, by sums that a type may round; in no registry."""
    step, own = 1 / parts, function.parameters
    period = function.period(**own) if callable(function.period) else function.period

    def rule(x):
        return step * function.rule(x / step, **own)

    rule.__doc__ = function.rule.__doc__
    return replace(
        function,
        rule=rule,
        levels=tuple(level / parts for level in function.outputs),
        rise=function.rise * step,
        jump=lambda x: x - step * (x / step - function.from_jump(x / step)),
        period=lambda: np.multiply(period, step),
        passes=lambda x: function.masked(tf.ones_like(x), x / step) != 0,
        allowed={},
        needs={},
        agree=None,
        given={},
    )


def rounded(x):
    """Rounds."""
    return tf.clip_by_value(tf.round(x), -1.0, 1.0)


def undocumented(x):
    return rounded(x)


def everywhere(x):
    """Another one in a graph."""
    return tf.clip_by_value(tf.round(x + (0 if tf.executing_eagerly() else 0.3)), -1.0, 1.0)


def largest(x):
    """Chooses."""
    return tf.one_hot(tf.argmax(x, -1), x.shape[-1], dtype=x.dtype)


def chosen(**fields):
    """The choice of the largest, with some of its fields replaced; in no registry."""
    return replace(functions["argmax"], **{"rule": largest, **fields})


CHOICE_FAULTS = {
    "no words": ("is_documented", {"rule": lambda x: largest(x)}),
    "the last of equal ones": (
        "chooses_the_largest",
        {"rule": lambda x: tf.reverse(largest(tf.reverse(x, [-1])), [-1])},
    ),
    "all of equal ones": (
        "chooses_the_largest",
        {"rule": lambda x: tf.cast(x >= tf.reduce_max(x, -1, keepdims=True), x.dtype)},
    ),
    "softly": ("chooses_the_largest", {"rule": tf.nn.softmax}),
    "other levels": ("chooses_the_largest", {"levels": (-1.0, 1.0)}),
    "NaN becomes a level": ("nan_stays", None),
    "another one in a graph": (
        "same_of_many",
        {"rule": lambda x: largest(x * (1.0 if tf.executing_eagerly() else -1.0))},
    ),
}


@pytest.mark.parametrize("fault", CHOICE_FAULTS)
def test_a_planted_fault_of_a_choice_is_caught(fault):
    name, change = CHOICE_FAULTS[fault]
    [check] = [check for check in function_contract.MIXING if check.__name__ == name]
    check(chosen())
    with pytest.raises(ContractError):
        check(chosen(**change) if change else Hidden(**vars(chosen())))


def test_every_promise_of_a_choice_has_a_fault_that_breaks_it():
    assert {name for name, _ in CHOICE_FAULTS.values()} == {check.__name__ for check in function_contract.MIXING}


def unequal(x):
    """Rises by 1, and then by 2."""
    return tf.cast(x > -0.5, x.dtype) + 2 * tf.cast(x > 0.5, x.dtype)


UNEQUAL = {"rule": unequal, "levels": (0.0, 1.0, 3.0)}
FUNCTION_FAULTS = {
    "no words": ("is_documented", {"rule": undocumented}),
    "a label that figures cannot print": ("is_documented", {"label": "$x$"}),
    "NaN becomes a level": ("nan_shape_and_type_stay", "hides NaN"),
    "another type": ("nan_shape_and_type_stay", "another type"),
    "a value between two levels": ("has_its_levels_alone", {"rule": lambda x: tf.clip_by_value(x, -1.0, 1.0)}),
    "a level that it never has": ("has_its_levels_alone", {"levels": (-2.0, -1.0, 0.0, 1.0)}),
    "levels in disorder": ("has_its_levels_alone", {"levels": (1.0, 0.0, -1.0)}),
    "it falls": ("has_its_levels_alone", {"rule": lambda x: rounded(-x)}),
    "no end": ("has_its_levels_alone", {"rule": lambda x: tf.where(tf.abs(x) < 1e3, rounded(x), x * 0)}),
    "another rise": ("jumps_where_it_declares", {"rise": 2.0}),
    "unequal rises": ("jumps_where_it_declares", UNEQUAL),
    "unequal distances": (
        "jumps_where_it_declares",
        {
            "rule": lambda x: tf.cast(x > 0, x.dtype) + tf.cast(x > 1, x.dtype) + tf.cast(x > 3, x.dtype),
            "levels": (0.0, 1.0, 2.0, 3.0),
            "jump": lambda x: x - tf.where(x < 0.5, 0.0, tf.where(x < 2, 1.0, 3 * tf.ones_like(x))),
        },
    ),
    "a jump elsewhere": (
        "jumps_where_it_declares",
        {"jump": lambda x: x - tf.where(x < 0, -0.4, 0.4 * tf.ones_like(x))},
    ),
    "one jump of two": ("jumps_where_it_declares", {"jump": lambda x: x - 0.5}),
    "the farther jump": (
        "jumps_where_it_declares",
        {"jump": lambda x: x - tf.where(x < 0, 0.5, -0.5 * tf.ones_like(x))},
    ),
    "another period": ("jumps_where_it_declares", {"period": 2.0}),
    "no period": ("jumps_where_it_declares", {"period": 0.0}),
    "a period for each jump": ("jumps_where_it_declares", {"period": lambda: (1.0, 1.0)}),
    "no gradient in the middle": ("passes_gradients_between_its_jumps", {"passes": lambda x: tf.abs(x) > 0.2}),
    "a gradient in two places": ("passes_gradients_between_its_jumps", {"passes": lambda x: tf.sin(x) > -0.9}),
    "no gradient at all": ("passes_gradients_between_its_jumps", {"passes": lambda x: x > 1e9}),
    "another one in a graph": ("same_everywhere", {"rule": everywhere}),
}


class Hidden(HardFunction):
    def value(self, x):
        return self.rule(tf.where(tf.math.is_nan(x), tf.zeros_like(x), x))


class Wide(HardFunction):
    def value(self, x, **parameters):
        return tf.cast(super().value(x, **parameters), tf.float64)


@pytest.mark.parametrize("parts", [1, 10, 32])
@pytest.mark.parametrize("fault", FUNCTION_FAULTS)
def test_a_planted_fault_of_a_hard_function_is_caught(fault, parts):
    name, change = FUNCTION_FAULTS[fault]
    check = getattr(function_contract, name)
    check(scaled(stairs(), parts))
    kind = {"hides NaN": Hidden, "another type": Wide}.get(change, HardFunction) if isinstance(change, str) else None
    broken = kind(**vars(scaled(stairs(), parts))) if kind else scaled(stairs(**change), parts)
    with pytest.raises((ContractError, UserError)) as caught:
        check(broken)
    assert str(caught.value).startswith("stairs")
    [kept] = function_contract.check_all(broken, [check])
    assert kept.fault == str(caught.value)


@pytest.mark.parametrize("fault", [fault for fault in FUNCTION_FAULTS if "unequal" in fault or "each jump" in fault])
def test_that_steps_are_equal_here_is_said_where_they_are_not(fault):
    broken = stairs(**FUNCTION_FAULTS[fault][1])
    assert [check.fault for check in function_contract.check_all(broken) if EQUAL_STEPS in check.fault]


def test_a_rise_for_each_jump_is_refused():
    """NumPy would hold each jump to its own. The field is set past its class, whose types tests alone check."""
    broken = stairs(**UNEQUAL)
    object.__setattr__(broken, "rise", (1.0, 2.0))
    with pytest.raises(UserError, match=rf"^stairs's rise is \(1.0, 2.0\), but must be one number: {EQUAL_STEPS}.$"):
        function_contract.jumps_where_it_declares(broken)


@pytest.mark.parametrize("parts", [10, 32])
@pytest.mark.parametrize("name", ["round", "midrise", "ternary", "step"])
def test_a_fine_staircase_keeps_the_contract(name, parts):
    """Of steps that a float holds, and of steps that it rounds."""
    many = {"bits": 5} if "bits" in functions[name].parameters else {}
    fine = scaled(functions[name].fixed(**many), parts)
    assert len(fine.outputs) == {"round": 32, "midrise": 32, "ternary": 3, "step": 2}[name]
    assert not [check.fault for check in function_contract.check_all(fine) if check.fault]


def test_every_promise_of_a_hard_function_has_a_fault_that_breaks_it():
    checks = {check.__name__ for check in function_contract.CHECKS}
    assert {name for name, _ in FUNCTION_FAULTS.values()} == checks


def test_a_hard_function_has_parameters_of_its_own():
    sign, step = functions["sign"], functions["step"]
    assert sign.parameters == {"at_zero": 1} and sign.fixed(at_zero=0).parameters == {"at_zero": 0}
    assert sign.fixed(at_zero=0) == sign.fixed(at_zero=-1).fixed(at_zero=0) != sign == sign.fixed(at_zero=1)
    assert hash(sign.fixed(at_zero=0)) == hash(sign.fixed(at_zero=-1).fixed(at_zero=0))
    assert float(step.fixed(at_zero=0).value(0.0)) == 0.5 and float(step.value(0.0)) == 1.0
    assert float(registry["ste"].hard(0.0, forward=sign.fixed(at_zero=-1))) == -1.0
    for wrong, said in (
        ({"at_zero": 2}, "at_zero is 2, but must be 1, 0 or -1"),
        ({"bits": 2}, "sign has no parameter 'bits'; its parameters are: at_zero"),
    ):
        for call in (sign.fixed, functools.partial(sign.value, 0.0)):
            with pytest.raises(UserError, match=said):
                call(**wrong)


@pytest.mark.parametrize(
    "fields, said",
    [
        ({}, "halved does not say what its parameter 'low' may be: list its values in `allowed`, or give its range in"),
        ({"needs": {"low": Range(), "high": Range()}}, "halved says what 'high' may be, but has no such parameter"),
        (
            {"allowed": {"low": (0, 1)}, "module": "halves"},
            "halves.py has a hard function 'halved': give both the same",
        ),
    ],
)
def test_a_hard_function_that_is_not_of_the_form_is_refused_when_it_is_registered(fields, said):
    def halved(x, *, low=0):
        return x

    halved.__module__ = f"estimators.functions.{fields.get('module', 'halved')}"
    traits = {name: given for name, given in fields.items() if name != "module"}
    with pytest.raises(UserError, match=said):
        hard_function(label="x", levels=(0.0, 1.0), rise=1.0, **traits)(halved)
    assert "halved" not in functions


def test_a_slope_is_centred_where_a_hard_function_jumps():
    """Whatever function it is, as an object that is in no registry."""
    x, page = tf.constant([-1.5, -0.5, 0.2, 0.5, 0.75]), registry["tanh_slope"]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = page.hard(x, forward=stairs(), normalize="area", scale=2.0)
    np.testing.assert_array_equal(y, [-1.0, 0.0, 0.0, 0.0, 1.0])
    wanted = page.slope([-1.0, 0.0, -0.3, 0.0, 0.25], forward="step", normalize="area", scale=2.0)
    np.testing.assert_allclose(tape.gradient(y, x), wanted, rtol=1e-6)


def test_a_wrong_choice_is_one_sentence():
    for name, said in (
        ("tanh_slop", "did you mean 'tanh_slope'"),
        ("straight_through", "it is called 'ste' here"),
        ("ATan", "it is called 'atan' here"),
        ("DoReFa", "it was left out, because it rounds to k bits"),
    ):
        with pytest.raises(UserError, match=said):
            registry[name]
    with pytest.raises(UserError, match="forward is 'sine'"):
        value(0.0, forward="sine")
    with pytest.raises(UserError, match="at_zero is 2"):
        value(0.0, at_zero=2)
    with pytest.raises(UserError, match="normalize is 'volume'"):
        registry["ste"].slope(0.0, normalize="volume")
    with pytest.raises(UserError, match="no parameter 'nonsense'; its parameters are: scale"):
        registry["tanh_slope"].slope(0.0, nonsense=1.0)
    with pytest.raises(UserError, match="two estimators named 'ste'"):
        surrogate(label="", source="")(registry["ste"].rule)
    with pytest.raises(UserError, match="is random in its backward pass"):
        next(page for page in registry.values() if page.random).slope(0.0)


SCALE = "tanh_slope.scale is "
REFUSED = {
    "not allowed": (
        [-1, np.float32(-1), np.array(-1.0), tf.constant(-1.0), tf.Variable(-1.0), np.int8(-1)],
        "must be > 0.",
    ),
    "not one": ([[1.0, 2.0], [1.0], np.ones(1), tf.ones([2]), tf.ones([1, 1])], "must be one number."),
    "no number": ([None, "2", b"2", True, np.True_, 1j, tf.constant("2"), np.array("2"), {}, object], "one number."),
    "not finite": (
        [math.nan, math.inf, np.float32("nan"), tf.constant(-math.inf), 10**400],
        "must be a finite number.",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_parameter_is_one_finite_number_that_is_allowed(fault):
    values, said = REFUSED[fault]
    page = registry["tanh_slope"]
    for scale in values:
        for call in (page.slope, page.hard):
            with pytest.raises(UserError) as told:
                call([0.5], scale=scale)
            words = str(told.value)
            assert words.startswith(SCALE) and words.endswith(said) and "\n" not in words, words


def test_a_parameter_may_be_any_kind_of_number():
    wanted = registry["tanh_slope"].slope([[0.5], [1.0]], scale=2.0).numpy()
    for scale in (2, np.float16(2), np.int64(2), np.array(2), np.array(2.0), tf.constant(2), tf.Variable(2.0)):
        np.testing.assert_array_equal(registry["tanh_slope"].slope([[0.5], [1.0]], scale=scale), wanted)
    with pytest.raises(UserError, match="must be one number"):
        tf.function(lambda scale: registry["tanh_slope"].slope([0.5], scale=scale), autograph=False)(tf.ones([2]))


def test_x_is_real_numbers():
    page = registry["ste"]
    for x in (None, "2", b"2", ["a"], True, np.array([True]), 1j, tf.constant(1j), [1, [2]], [None], np.array([None])):
        for call in (page.slope, page.hard, value):
            with pytest.raises(UserError, match=r"^x (is|holds) .*, but must be real numbers: .*\.$"):
                call(x)
    for normalize in (None, 7, -1, 0.5, [1], True, math.nan, tf.constant(4.0)):
        with pytest.raises(UserError, match="normalize is .* but must be one of: none, peak, area"):
            page.slope(0.5, normalize=normalize)
    with pytest.raises(UserError, match=f"forward is 'sine', but must be one of: {', '.join(functions)}"):
        page.slope(0.5, forward="sine")


def test_a_column_keeps_its_shape(page):
    x = tf.constant(np.linspace(-1, 1, 5, dtype=np.float32)[:, None])
    own = {name: np.float32(number) for name, number in page.parameters.items()}
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = page.hard(x, chance=Chance(key(0)), **own)
    assert page.slope(x, chance=Chance(key(0)), **own).shape == tape.gradient(y, x).shape == y.shape == x.shape


def test_forward_mode_is_slope_times_tangent(page):
    """Eagerly and inside a graph, at infinity and NaN too; for two pages around a graph, compiled and vectorised, too.
    What a tape finds is the same."""
    ends = [-math.inf, math.inf, math.nan] if page.elementwise else []
    x = tf.constant([-2.0, -0.3, -0.0, 0.0, 1e-30, 0.7, 60.0, *ends])
    tangents = tf.range(1.0, 1.0 + len(x))

    def hard(x):
        return page.hard(x, at_zero=0, chance=Chance(key(0)))

    def followed(call):
        def both(x, tangents):
            with tf.autodiff.ForwardAccumulator(x, tangents) as accumulator:
                y = call(x)
            return y, accumulator.jvp(y)

        return both

    def taped(call):
        def both(x, upstream):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = call(x)
            return y, tape.gradient(y, x, upstream)

        return both

    graph = functools.partial(tf.function, autograph=False)
    ways = {
        "eager": lambda both: both(hard),
        "in a graph": lambda both: graph(both(hard)),
    }
    if page.name in ("ste", "tanh_slope"):
        ways["around a graph"] = lambda both: both(graph(hard))
        ways["compiled"] = lambda both: graph(both(hard), jit_compile=True)
        ways["vectorised"] = lambda both: (
            lambda *given: tf.vectorized_map(lambda row: both(hard)(*row), given, fallback_to_while_loop=False)
        )
    wanted = tangents * page.slope(x, chance=Chance(key(0)))
    if page.signed:
        wanted += tangents * page.signed_slope(x)  # they are all above zero
    for way, put in ways.items():
        for both in (followed, taped):
            y, found = put(both)(x, tangents)
            np.testing.assert_array_equal(y, value(x, at_zero=0), err_msg=way)
            np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-30, err_msg=f"{both.__name__} {way}")


def test_ranges_say_what_they_allow():
    for allowed, text, inside, outside in (
        (Range(), "any number", -3, math.nan),
        (Range(above=0), "> 0", 1e-9, 0),
        (Range(least=0), "≥ 0", 0, -1e-9),
        (Range(above=0, below=1), "> 0 and < 1", 0.5, 1),
        (Range(least=1, whole=True), "a whole number ≥ 1", 3, 1.5),
    ):
        assert str(allowed) == text and inside in allowed and outside not in allowed


def test_the_stochastic_page_is_what_it_says():
    """2 · 10⁵ draws of noise with standard deviation v/√12 have a mean known to v/√12/447: four of that are allowed."""
    x, chance = tf.concat([-tf.ones([200_000]), tf.ones([10])], 0), Chance(key(3)).of("noise")
    for mu, variance in ((0.0, 0.2), (0.5, 0.4)):
        m = registry["sso"].slope(x, chance=chance, mu=mu, variance=variance).numpy()
        noise, passed = m[:-10], m[-10:]
        assert (passed == 1).all() and abs(noise.mean() - mu * variance) < 4 * variance / 12**0.5 / 447
        assert (mu - 0.5) * variance <= noise.min() and noise.max() <= (mu + 0.5) * variance
        assert np.ptp(noise) > 0.999 * variance


@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4)])
def test_the_magnitude_aware_page_averages_over_all_axes_but_the_last(shape):
    x = np.random.default_rng(0).normal(0, 0.8, shape)
    mean = np.array([abs(x[..., i]).mean() for i in range(shape[-1])]) if len(shape) > 1 else abs(x).mean()
    np.testing.assert_allclose(registry["mag_aware"].slope(tf.constant(x)), mean * (abs(x) <= 1), rtol=1e-12)


def test_parameters_that_do_not_go_together_are_refused():
    with pytest.raises(UserError, match="reste has o = 3, clip = 1.5, secant = 2, but needs secant < clip"):
        registry["reste"].slope(0.0, secant=2.0)


def test_a_page_of_random_slopes_takes_any_generator():
    page = next(page for page in registry.values() if page.random)
    assert page.slope(tf.zeros([3]), chance=tf.random.Generator.from_seed(1)).shape == [3]


def test_the_book_is_the_folder():
    folder = Path(estimators.__file__).parent / "surrogates"
    pages = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert pages == set(registry)
    for name in pages:
        nodes = ast.walk(ast.parse((folder / f"{name}.py").read_text(encoding="utf-8")))
        modules = {n.module for n in nodes if isinstance(n, ast.ImportFrom) and n.module.startswith("estimators")}
        shared = {f"estimators.{module}" for module in ("surrogate", "parameters", "step_size", "choices")}
        assert modules <= shared, f"{name} imports another page"


def test_no_name_means_two_things():
    def plain(name):
        return "".join(letter for letter in name.lower() if letter.isalnum())

    names = [plain(n) for name, page in registry.items() for n in (name, *page.aliases)] + [plain(n) for n in EXCLUDED]
    assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})


# That the contract can fail: each fault is a mistake that somebody made, or will.

GOOD = {
    "name": "sigmoid_derivative",
    **{name: trait for name, trait in vars(registry["sigmoid_derivative"]).items() if name != "name"},
}


def sigmoid(x, *, scale=1.0):
    return scale * tf.sigmoid(scale * x) * tf.sigmoid(-scale * x)


class Soft(Surrogate):
    def hard(self, x, **_):
        return tf.tanh(x)


class Cut(Surrogate):
    def hard(self, x, **own):
        return tf.stop_gradient(super().hard(x, **own))


class Deaf(Surrogate):
    def slope(self, x, **own):
        return super().slope(x, **{k: v for k, v in own.items() if k in ("forward", "chance", "normalize", "stretch")})


class Stubborn(Surrogate):
    def slope(self, x, **own):
        return super().slope(x, **own | {"normalize": "none"})


class Stepless(Surrogate):
    def hard(self, x, **own):
        return super().hard(x, **own | {"step_size": None})


class Rigid(Surrogate):
    def slope(self, x, **own):
        return super().slope(x, **own | {"stretch": None})


FAULTS = {
    "half of it in short types": (
        "same_in_every_type",
        {"rule": lambda x, *, scale=1.0: sigmoid(x, scale=scale) * (1 if x.dtype == tf.float64 else 0.5)},
    ),
    "cancelled in the tails": (
        "same_in_every_type",
        {"rule": lambda x, *, scale=1.0: scale * tf.sigmoid(scale * abs(x)) * (1 - tf.sigmoid(scale * abs(x)))},
    ),
    "nothing to check it by": ("can_be_checked", {"counterpart": None, "known": (), "equals": ()}),
    "a dropped factor": ("derivative_of_its_counterpart", {"rule": lambda x, *, scale=1.0: sigmoid(scale * x)}),
    "a forgotten square": ("derivative_of_its_counterpart", {"rule": lambda x, *, scale=1.0: scale * tf.sigmoid(-x)}),
    "a parameter that does nothing": ("parameters_matter", {"rule": lambda x, *, scale=1.0: sigmoid(x) + 0 * scale}),
    "a width that is a height": ("parameters_matter", {"rule": lambda x, *, scale=1.0: scale * sigmoid(x)}),
    "exp overflow": (
        "finite_at_extremes",
        {"rule": lambda x, *, scale=1.0: scale * tf.exp(-scale * x) / (1 + tf.exp(-scale * x)) ** 2},
    ),
    "infinity times zero": ("finite_at_extremes", {"rule": lambda x, *, scale=1.0: x * tf.exp(-tf.abs(x)) * scale}),
    "a wrong area": ("area_and_peak", {"area": 2}),
    "an area that is finite after all": ("area_and_peak", {"area": math.inf}),
    "a wrong peak": ("area_and_peak", {"peak": 1}),
    "an area that is no number": ("area_and_peak", {"area": lambda scale: tf.constant(1.0)}),
    "a support that is too small": ("support", {"support": 3.0}),
    "a support that is too large": (
        "support",
        {"support": 8.0, "rule": lambda x, *, scale=1.0: scale * tf.nn.relu(1 - abs(x))},
    ),
    "not even": ("even_and_positive", {"rule": lambda x, *, scale=1.0: tf.sigmoid(x) * tf.sigmoid(-x + 0.1)}),
    "negative": ("even_and_positive", {"rule": lambda x, *, scale=1.0: sigmoid(x, scale=scale) - 0.01}),
    "another type": ("shape_and_type", {"rule": lambda x, *, scale=1.0: tf.cast(x, tf.float64) * 0 + 1}),
    "another shape": ("shape_and_type", {"rule": lambda x, *, scale=1.0: tf.reduce_mean(sigmoid(x))}),
    "None": ("shape_and_type", {"rule": lambda x, *, scale=1.0: None}),
    "other elements count": ("element_by_element", {"rule": lambda x, *, scale=1.0: sigmoid(x - tf.reduce_mean(x))}),
    "chance of its own": (
        "chance_decides",
        {"rule": lambda x, *, scale=1.0: sigmoid(x) * np.random.default_rng().uniform()},
    ),
    "a wrong known value": ("known_values", {"known": ((0.0, 0.26),)}),
    "a wrong equality": ("equal_pages", {"equals": (({"scale": 2.0}, "tanh_slope", {"scale": 1.0}),)}),
    "a wrong factor": ("equal_pages", {"equals": (({"scale": 2.0}, "tanh_slope", {"scale": 1.0}, 2.0),)}),
    "no words": ("is_documented", {"rule": lambda x, *, scale=1.0: sigmoid(x)}),
    "no source": ("is_documented", {"source": " "}),
    "no label": ("can_be_checked", {"label": ""}),
    "no such site": ("can_be_checked", {"sites": ("weights", "neurons")}),
    "a range of no parameter": ("respects_its_ranges", {"needs": {"slope": Range(above=0)}}),
    "a default out of range": ("respects_its_ranges", {"needs": {"scale": Range(above=2)}}),
    "NumPy inside": ("same_everywhere", {"rule": lambda x, *, scale=1.0: tf.constant(1 / (1 + x.numpy() ** 2))}),
    "a step that starts nowhere": (
        "step_is_learned",
        {"step_size": replace(LSQ, start=lambda x, *_, **__: x[0] * math.nan)},
    ),
    "a step of another value": ("step_is_learned", Stepless),
    "another choice's gradient": (
        "hands_down_through_choices",
        {"pull": lambda x, upstream, scale: softmax_pull(scale * x, upstream)},  # without the factor
    ),
    "a choice's gradient that is no multiple": (
        "hands_down_through_choices",
        {"pull": lambda x, upstream, scale: tf.abs(upstream)},
    ),
    "a soft forward": ("upstream_times_slope", Soft),
    "no gradient": ("upstream_times_slope", Cut),
    "a schedule that never acts": ("schedules_act", Deaf),
    "scaled as it was before": ("normalised", Stubborn),
    "as wide as before": ("as_wide_as_asked", Rigid),
    "a slope that fades after all": ("as_wide_as_asked", {"fades": False}),
    "a slope that does not fade": ("as_wide_as_asked", {"rule": lambda x, *, scale=1.0: sigmoid(x) + scale}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault):
    name, change = FAULTS[fault]
    promise = getattr(surrogate_contract, name)
    kind, traits = (Surrogate, change) if isinstance(change, dict) else (change, {})
    promise(Surrogate(**GOOD))
    told = Exception if fault == "NumPy inside" else ContractError  # there TensorFlow itself complains
    with pytest.raises(told) as caught:
        promise(kind(**{**GOOD, **traits}))
    assert str(caught.value).strip(), "a fault is told in words"


def test_every_promise_has_a_fault_that_breaks_it():
    assert {name for name, _ in FAULTS.values()} == {promise.__name__ for promise in surrogate_contract.CHECKS}


def test_a_page_that_crashes_is_told_as_one_that_breaks_its_promises():
    def crash(x, *, scale=1.0):
        raise RuntimeError("out of order")

    found = {words: fault for words, fault, _ in surrogate_contract.check_all(Surrogate(**{**GOOD, "rule": crash}))}
    assert len(found) == len(surrogate_contract.CHECKS)
    assert "RuntimeError: out of order" in found.values()


def faults(rule, **traits):
    return [
        kept.fault for kept in surrogate_contract.check_all(Surrogate(**{**GOOD, "rule": rule, **traits})) if kept.fault
    ]


def test_a_slope_without_bound_is_told_once():
    def rule(x, *, scale=1.0):
        """Replaces With Needs shape"""
        return scale / tf.sqrt(tf.abs(scale * x))

    assert faults(rule) == ["sigmoid_derivative has no finite bound at x = 0."]


def test_a_slope_that_is_nan_somewhere_is_told_once():
    def rule(x, *, scale=1.0):
        """Replaces With Needs shape"""
        return tf.sqrt(scale - tf.abs(x))

    [fault] = faults(rule)
    assert re.match(r"sigmoid_derivative is NaN at x = -?1\.\d", fault)


@pytest.mark.parametrize(
    ("traits", "said"),
    [
        ({"knwon": ()}, "@surrogate has no trait 'knwon'; did you mean 'known'"),
        ({"known": {0.0: 1.0}}, "must be pairs of x and m"),
        ({"known": (0.0, 1.0)}, "must be pairs of x and m"),
    ],
)
def test_a_trait_that_cannot_be_is_told_in_a_sentence(traits, said):
    with pytest.raises(UserError, match=said):
        surrogate(label="Mine", source="mine", **traits)


def test_a_page_that_returns_no_tensor_is_told_once():
    def rule(x, *, scale=1.0):
        """Replaces With Needs shape"""
        return np.exp(-np.abs(x))

    said = "sigmoid_derivative returned a NumPy array; build the slope from tensor operations."
    found = faults(rule)
    assert found[0] == said and found.count(said) == 1
    with pytest.raises(UserError, match=said):
        Surrogate(**{**GOOD, "rule": rule}).slope(0.5)


def test_what_parts_is_shown_to_the_digit_where_it_parts():
    numerics.check_close(np.array([1.0, math.inf]), [1.0, math.inf], 1e-12, "it")
    for found, wanted, said in (
        ([math.inf], [1.0], "inf instead of 1"),
        ([1.0], [math.inf], "1 instead of inf"),
        ([1.0 + 1e-11], [1.0], "1.00000000001 instead of 1"),
    ):
        with pytest.raises(ContractError, match=said):
            numerics.check_close(np.array(found), wanted, 1e-12, "it")
