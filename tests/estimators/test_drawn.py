"""Estimators for drawn values: the contract over the book, planted faults, formulas in NumPy, means and variances."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from scipy import integrate, special

import estimators
from estimators.contract import drawn, objectives
from estimators.estimate import estimate
from estimators.expectation import Expectation
from estimators.function import functions
from estimators.laws import BERNOULLI, CATEGORICAL, LAWS, Site
from estimators.parameters import Range
from estimators.sampled import Sampled
from runners.execution import contract
from runners.fidelity.moments import moments
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import Chance, key

PAGES = {**estimators.expectation_registry, **estimators.sampled_registry}
UNBIASED = [name for name, page in PAGES.items() if page.unbiased]
TRUE_OF_SOME = [name for name, page in PAGES.items() if not page.unbiased]


# Which share nearly all of their code with another one, or take long; planted faults below try leave-one-out's mean.
LONG = ("dr_grpo", "grpo", "evolution_strategy", "finite_difference", "rebar", "relax", "arm", "arms", "gumbel_rao")
LONG += ("reinforce", "reinforce_optimal", "reinforce_moving", "spsa", "gumbel_softmax")


def marked(names, long=LONG):
    return [pytest.param(name, marks=pytest.mark.long) if name in long else name for name in names]


@pytest.mark.parametrize("name", marked(sorted(PAGES)))
def test_the_contract_of_estimators_for_drawn_values(name):
    checks = list(drawn.check_all(PAGES[name]))
    assert len(checks) == len(drawn.CHECKS) and not [check.fault for check in checks if check.fault]


@pytest.mark.parametrize("name", marked(UNBIASED, (*LONG, "leave_one_out")))
def test_the_mean_is_the_true_gradient(name):
    contract.mean_as_declared(PAGES[name])


@pytest.mark.long
@pytest.mark.parametrize("name", TRUE_OF_SOME)
def test_the_mean_is_not_the_true_gradient(name):
    contract.mean_as_declared(PAGES[name])


def test_names_are_of_one_estimator_alone():
    names = estimators.names()
    assert len({*names}) == len(names) == len(estimators.registry) + len(PAGES)
    assert all(estimators.find(name).name == name for name in names)
    with pytest.raises(UserError, match="it is called 'leave_one_out' here|leave_one_out"):
        estimators.expectation_registry["rloo"]


# Planted faults


def faulty(rule, **traits):
    """An expectation estimator that is in no registry."""
    given = {"name": "faulty", "label": "Faulty", "rule": rule, "source": "nobody", "over": ("bernoulli",)}
    return Expectation(**given | traits)


def reused(site, f, *, samples):
    """Each draw is the first one.

    Estimates  nothing
    By         K times the same draw
    """
    each = tf.stack([site.draw()] * samples)
    values = f.each(each)
    return tf.reduce_sum(site.law.times(values - tf.reduce_mean(values, 0), site.score(each)), 0) / (samples - 1)


def no_pair(site, f):
    """DisARM with a second draw that does not mirror the first.

    Estimates  something else
    By         two independent draws
    """
    first, other = tf.unstack(site.draws(2))
    return site.law.times(f(first) - f(other), (first - other) * tf.sigmoid(tf.abs(site.logits))) / 2


def contains_itself(site, f, *, samples):
    """A baseline that contains the draw's own value.

    Estimates  less
    By         the mean of all
    """
    each = site.draws(samples)
    values = f.each(each)
    return tf.reduce_mean(site.law.times(values - tf.reduce_mean(values, 0), site.score(each)), 0)


def without_the_half(site, f):
    """ARM from the wrong end.

    Estimates  something else
    By         u in the place of u − ½
    """
    other = site.law.decide(site.logits - site.noise)
    return site.law.times(f(site.draw()) - f(other), site.uniform())


SEVERAL = {"samples": 4, "evaluations": 4, "needs": {"samples": Range(least=2, whole=True)}}


@pytest.mark.parametrize(
    ("page", "fault"),
    [
        pytest.param(faulty(reused, **SEVERAL), "has a mean that is off by 100.0%", marks=pytest.mark.long),
        pytest.param(faulty(no_pair, evaluations=2), "has a mean that is off by", marks=pytest.mark.long),
        pytest.param(faulty(contains_itself, **SEVERAL), "has a mean that is off by 2[45]", marks=pytest.mark.long),
        pytest.param(faulty(without_the_half, evaluations=2), "has a mean that is off by", marks=pytest.mark.long),
        (dataclasses.replace(PAGES["leave_one_out"], unbiased=False), "is not seen to be"),
        pytest.param(
            dataclasses.replace(PAGES["reinmax"], exact_to=3), "has a mean that is off by", marks=pytest.mark.long
        ),
    ],
    ids=["reused", "no_pair", "contains_itself", "no_half", "says_biased", "says_cubic"],
)
def test_a_mean_that_is_not_as_declared_is_found(page, fault):
    with pytest.raises(drawn.ContractError, match=fault):
        contract.mean_as_declared(page)


def clockless(site, f):
    """Draws from elsewhere.

    Estimates  noise
    By         TensorFlow's own generator
    """
    return site.score(site.draw()) * tf.random.stateless_uniform([], [next(COUNT), 0], dtype=site.logits.dtype)


COUNT = iter(range(1, 10**6))


def closed_end(site, f):
    """The logit of a uniform number that may be 1.

    Estimates  infinity
    By         u/(1 − u), u rounded up to 1 where a bit is nearly sure
    """
    u = tf.sigmoid(site.logits + site.noise)
    return site.law.times(f(site.draw()), u / (1 - u))


def mixed_up(site, f):
    """The mean over events is taken for each.

    Estimates  a mixture
    By         the mean objective
    """
    values = f(site.draw())
    return site.law.times(tf.ones_like(values) * tf.reduce_mean(values), site.score(site.draw()))


def of_another_shape(site, f):
    """One number.

    Estimates  one number
    By         the objective
    """
    return f(site.draw())


def unread(site, f, *, baseline=0.0):
    """A parameter that does nothing.

    Estimates  the gradient
    By         the score
    """
    return site.law.times(f(site.draw()), site.score(site.draw()))


def undocumented(site, f):
    return site.law.times(f(site.draw()), site.score(site.draw()))


@pytest.mark.parametrize(
    ("rule", "check", "fault"),
    [
        (clockless, drawn.chance_is_an_argument, "draws from something else"),
        (closed_end, drawn.finite_far_out, "not finite at logits of ±200"),
        (mixed_up, drawn.rows_are_apart, "depends on another event"),
        (of_another_shape, drawn.shape_and_type, "returned float32"),
        (unread, drawn.parameters_act, "does not depend on its parameter 'baseline'"),
        (undocumented, drawn.is_documented, "docstring must have"),
    ],
)
def test_a_broken_promise_is_told(rule, check, fault):
    with pytest.raises((drawn.ContractError, UserError), match=fault):
        check(faulty(rule))


def halved(site, drawn, upstream, *, temperature=1.0):
    """Half of the derivative of the soft value.

    Replaces  b
    With      half
    """
    return PAGES["gumbel_softmax"].rule(site, drawn, upstream, temperature=temperature) / 2


def squared(site, drawn, upstream):
    """Not linear.

    Replaces  ∂ b
    With      G²
    """
    return tf.square(upstream)


def test_what_is_handed_down_is_held_to_the_contract():
    page = dataclasses.replace(PAGES["gumbel_softmax"], rule=halved)
    with pytest.raises(drawn.ContractError, match="another derivative than that of its soft value"):
        drawn.soft_value_has_its_derivative(page)
    page = Sampled(name="squared", label="Squared", rule=squared, source="nobody", over=("bernoulli",))
    with pytest.raises(drawn.ContractError, match="not linear"):
        drawn.linear_in_upstream(page)


# Formulas in NumPy


def site_of(law, logits, number=0):
    chance = Chance(tf.constant(key(9))).at(number)
    noise = law.noise(chance.of("noise"), logits.shape, tf.float64)
    return Site(law, tf.constant(logits), noise, chance.of("estimate"))


def found_of(name, law, logits, values, number=0, **chosen):
    return estimate(
        PAGES[name], law, tf.constant(logits), values, Chance(tf.constant(key(9))).at(number), **chosen
    ).numpy()


LOGITS = np.random.default_rng(1).normal(size=6)
OBJECTIVE = objectives.objective(BERNOULLI, (6,))
P = special.expit(LOGITS)


def f(bits):
    return float(OBJECTIVE(tf.constant(bits)))


@pytest.mark.parametrize("number", range(5))
def test_bernoulli_estimators_are_what_their_papers_say(number):
    z = site_of(BERNOULLI, LOGITS, number).noise.numpy()
    u = special.expit(z)
    b, mirror = (u > 1 - P).astype(float), (u < P).astype(float)
    np.testing.assert_array_equal(site_of(BERNOULLI, LOGITS, number).draw(), b)
    known = {
        "reinforce": f(b) * (b - P),
        "arm": (f((u > special.expit(-LOGITS)).astype(float)) - f((u < special.expit(LOGITS)).astype(float)))
        * (u - 0.5),
        "disarm": 0.5 * (f(b) - f(mirror)) * (-1) ** mirror * (b != mirror) * special.expit(np.abs(LOGITS)),
    }
    for name, expected in known.items():
        np.testing.assert_allclose(found_of(name, BERNOULLI, LOGITS, OBJECTIVE, number), expected, atol=1e-7)
    slope = slope_at(b)
    soft = special.expit((LOGITS + z) / 0.5)
    np.testing.assert_allclose(
        found_of("st_gumbel", BERNOULLI, LOGITS, OBJECTIVE, number, temperature=0.5),
        slope * soft * (1 - soft) / 0.5,
        atol=1e-7,
    )
    darn = slope * np.where(b > 0, (1 - P) / 2, P / 2)
    np.testing.assert_allclose(found_of("reinmax", BERNOULLI, LOGITS, OBJECTIVE, number), darn, atol=1e-12)
    mean_field = estimate(
        estimators.registry["sigmoid_derivative"],
        BERNOULLI,
        tf.constant(LOGITS),
        OBJECTIVE,
        Chance(tf.constant(key(9))).at(number),
    )
    np.testing.assert_allclose(mean_field, slope * P * (1 - P), atol=1e-12)
    taylor = f(b) - f(P) - slope_at(P) @ (b - P)
    np.testing.assert_allclose(
        found_of("muprop", BERNOULLI, LOGITS, OBJECTIVE, number),
        taylor * (b - P) + slope_at(P) * P * (1 - P),
        atol=1e-7,
    )


def slope_at(b):
    given = tf.constant(b)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = OBJECTIVE(given)
    return tape.gradient(value, given).numpy()


def test_rebar_is_what_its_paper_says():
    """With z̃ as the paper forms it from v, by differences of the relaxed objective, at logits where nothing rounds."""
    site = site_of(BERNOULLI, LOGITS)
    v = site.chance.of("conditional").open_uniform((6,)).numpy().astype(float)
    b, eta, temperature = site.draw().numpy(), 0.7, 0.4

    def again(logits):
        p = special.expit(logits)
        uniform = np.where(b > 0, v * p + 1 - p, v * (1 - p))
        return logits + special.logit(uniform)

    def soft(logits):
        return f(special.expit((logits + site.noise.numpy()) / temperature))

    def soft_again(logits):
        return f(special.expit(again(logits) / temperature))

    def by_differences(function):
        steps = 1e-5 * np.eye(6)
        return np.array([(function(LOGITS + step) - function(LOGITS - step)) / 2e-5 for step in steps])

    known = (f(b) - eta * soft_again(LOGITS)) * (b - P) + eta * (by_differences(soft) - by_differences(soft_again))
    np.testing.assert_allclose(
        found_of("rebar", BERNOULLI, LOGITS, OBJECTIVE, eta=eta, temperature=temperature), known, rtol=1e-5, atol=1e-7
    )


CHOICES = np.random.default_rng(2).normal(size=(3, 4))
OF_CHOICES = objectives.objective(CATEGORICAL, (3, 4))


@pytest.mark.parametrize("number", range(5))
def test_categorical_estimators_are_what_their_papers_say(number):
    site = site_of(CATEGORICAL, CHOICES, number)
    d, gumbel = site.draw().numpy(), site.noise.numpy()
    pi = special.softmax(CHOICES, -1)
    given = tf.constant(d)
    with tf.GradientTape() as tape:
        tape.watch(given)
        value = OF_CHOICES(given)
    G = tape.gradient(value, given).numpy()

    def jacobian(q):
        return q * (G - (q * G).sum(-1, keepdims=True))

    def found(name, **chosen):
        return found_of(name, CATEGORICAL, CHOICES, OF_CHOICES, number, **chosen)

    np.testing.assert_array_equal(d, np.eye(4)[(CHOICES + gumbel).argmax(-1)])
    np.testing.assert_allclose(found("reinforce", baseline=0.5), (float(value) - 0.5) * (d - pi), atol=1e-12)
    y = special.softmax((CHOICES + gumbel) / 0.7, -1)
    np.testing.assert_allclose(found("st_gumbel", temperature=0.7), jacobian(y) / 0.7, atol=1e-12)
    zgr = (jacobian(pi) + (d - pi) * ((d * G).sum(-1, keepdims=True) - (pi * G).sum(-1, keepdims=True))) / 2
    np.testing.assert_allclose(found("reinmax"), zgr, atol=1e-12)
    middle = (d + special.softmax(CHOICES / 1.5, -1)) / 2
    np.testing.assert_allclose(found("reinmax", temperature=1.5), 2 * jacobian(middle) - jacobian(pi) / 2, atol=1e-12)
    top = CHOICES.max(-1, keepdims=True)
    lowered = CHOICES - np.maximum(CHOICES + 1.0 - top, 0)
    moved = np.where(d > 0, top, lowered)
    np.testing.assert_allclose(found("gapped_st"), jacobian(special.softmax(moved, -1)), atol=1e-12)


def test_gumbel_rao_has_the_mean_of_straight_through_gumbel_and_less_variance():
    """20,000 calls each: the means agree within 4 standard errors in each of 12 elements, and the sum of variances is
    below three quarters of the other's, as Paulus et al. find for ten draws."""
    found = {}
    for name in ("st_gumbel", "gumbel_rao"):
        page = PAGES[name]
        given = tf.constant(CHOICES, tf.float32)
        found[name] = moments(
            lambda chance, page=page, given=given: estimate(page, CATEGORICAL, given, OF_CHOICES, chance), 20_000
        )
    one, other = found["st_gumbel"], found["gumbel_rao"]
    error = np.sqrt((np.diag(one.covariance) + np.diag(other.covariance)) / one.calls)
    assert (np.abs(one.mean - other.mean) < 4 * error).all()
    assert np.trace(other.covariance) < 0.75 * np.trace(one.covariance)


# Exact means: what depends on the draw alone is summed over all states


def exact_mean(page, law, logits, values, **chosen):
    """Of an estimator that knows the draw alone."""
    states = law.all_states(logits.shape)
    mean = special.expit(logits) if law.axes == 1 else special.softmax(logits, -1)
    chances = np.prod(np.where(states > 0, mean, 1 - mean) if law.axes == 1 else (states * mean).sum(-1), -1)
    given = tf.constant(states)
    with tf.GradientTape() as tape:
        tape.watch(given)
        total = tf.reduce_sum(values(given))
    each = tf.constant(np.broadcast_to(logits, states.shape))
    site = Site(law, each, tf.zeros_like(each), Chance(tf.constant(key(0))))
    return np.tensordot(chances, page.rule(site, given, tape.gradient(total, given), **chosen), 1)


@pytest.mark.parametrize("law", LAWS.values(), ids=[*LAWS])
def test_reinmax_is_exact_on_quadratics_at_temperature_one_alone(law):
    event, errors = objectives.EVENTS[law.name], {}
    logits = np.random.default_rng(1).normal(size=event)
    for degree in (1, 2, 3):
        values = objectives.polynomial(law, event, degree)
        truth = objectives.gradient(law, logits, values(tf.constant(law.all_states(event))).numpy())
        for temperature in (1.0, 1.5):
            mean = exact_mean(PAGES["reinmax"], law, logits, values, temperature=temperature)
            errors[degree, temperature] = np.linalg.norm(mean - truth) / np.linalg.norm(truth)
    assert errors[1, 1.0] < 1e-12 and errors[2, 1.0] < 1e-12 and errors[3, 1.0] > 0.01
    assert errors[1, 1.5] > 0.01 and errors[2, 1.5] > 0.01, errors


# Variances


def variance_of(name, logits, values, calls=40_000, samples=None):
    page = PAGES[name].with_samples(samples) if samples else PAGES[name]
    given = tf.constant(logits, tf.float32)
    found = moments(lambda chance: estimate(page, BERNOULLI, given, values, chance), calls)
    return np.diag(found.covariance)


def states_and_chances():
    states = BERNOULLI.all_states((6,))
    return states, np.prod(np.where(states > 0, P, 1 - P), 1), OBJECTIVE(tf.constant(states)).numpy()


def test_variances_are_those_of_enumerations():
    """REINFORCE and leave-one-out (two draws) over all states and pairs of states. A variance from 40,000 calls has a
    standard error of some 1 to 2 %: 8 % is called another one."""
    states, chances, values = states_and_chances()
    truth = (chances * values) @ (states - P)
    alone = (chances * values**2) @ (states - P) ** 2 - truth**2
    np.testing.assert_allclose(variance_of("reinforce", LOGITS, OBJECTIVE), alone, rtol=0.08)
    apart = values[:, None] - values
    pairs = chances[:, None] * chances
    estimates = (apart[..., None] * (states[:, None] - states[None])) / 2
    np.testing.assert_allclose((pairs[..., None] * estimates).sum((0, 1)), truth, atol=1e-12)
    two = (pairs[..., None] * estimates**2).sum((0, 1)) - truth**2
    np.testing.assert_allclose(variance_of("leave_one_out", LOGITS, OBJECTIVE, samples=2), two, rtol=0.08)


@pytest.mark.parametrize("logit", [-1.2, *(pytest.param(at, marks=pytest.mark.long) for at in (0.0, 0.6))])
def test_variances_of_antithetic_estimators_are_those_of_closed_forms(logit):
    """Of one bit with f(1) − f(0) = 1: ARM's by an integral over u, DisARM's by the chance that both draws differ."""
    p = special.expit(logit)

    def square(u):
        return (float(u > 1 - p) - float(u < p)) ** 2 * (u - 0.5) ** 2

    truth = p * (1 - p)
    arm = integrate.quad(square, 0, 1, points=sorted({p, 1 - p}))[0] - truth**2
    differ = 2 * min(p, 1 - p)
    disarm = differ * (special.expit(abs(logit)) / 2) ** 2 - truth**2
    for name, known in (("arm", arm), ("disarm", disarm)):
        found = variance_of(name, np.array([logit]), lambda bits: bits[..., 0])
        np.testing.assert_allclose(found, [known], rtol=0.05, atol=2e-4)
    assert disarm <= arm + 1e-12


# What is refused


def test_what_cannot_be_is_refused_in_a_sentence():
    with pytest.raises(Unsupported, match="arm goes with function=bernoulli, not with categorical"):
        estimate(PAGES["arm"], CATEGORICAL, tf.constant(CHOICES), OF_CHOICES, Chance(tf.constant(key(0))))
    with pytest.raises(UserError, match=r"leave_one_out.samples is 1, but must be a whole number ≥ 2"):
        PAGES["leave_one_out"].with_samples(1)
    with pytest.raises(UserError, match="arm asks for no number of samples"):
        PAGES["arm"].with_samples(2)
    with pytest.raises(UserError, match=r"st_gumbel.temperature is 0, but must be > 0"):
        PAGES["st_gumbel"].check(temperature=0)
    with pytest.raises(UserError, match="give it the noise that decides them"):
        PAGES["st_gumbel"].hard([0.0], forward="bernoulli")
    with pytest.raises(Unsupported, match="is for values that are drawn, and sign is not"):
        PAGES["st_gumbel"].hard([0.0], forward="sign", noise=[0.0])
    with pytest.raises(Unsupported, match=r"here there are 32,768, but 16,384 are the most"):
        estimate(
            PAGES["enumeration"], BERNOULLI, tf.zeros([15]), lambda bits: bits[..., 0], Chance(tf.constant(key(0)))
        )


def test_the_exact_gradient_is_that_of_numpy_also_in_several_chunks():
    for law, logits in ((BERNOULLI, np.random.default_rng(3).normal(size=10)), (CATEGORICAL, CHOICES)):
        values = objectives.objective(law, logits.shape)
        known = objectives.gradient(law, logits, values(tf.constant(law.all_states(logits.shape))).numpy())
        np.testing.assert_allclose(found_of("enumeration", law, logits, values), known, atol=1e-10)
        several = np.stack([logits, logits + 0.5])
        np.testing.assert_allclose(found_of("enumeration", law, several, values)[0], known, atol=1e-10)


def test_surrogates_draw_going_forward_and_have_their_slope_at_the_logits_going_backward():
    noise = site_of(BERNOULLI, LOGITS).noise
    x = tf.constant(LOGITS)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = estimators.registry["tanh_slope"].hard(x, forward="bernoulli", noise=noise)
    np.testing.assert_array_equal(y, (LOGITS + noise.numpy() > 0).astype(float))
    np.testing.assert_allclose(tape.gradient(y, x), 1 - np.tanh(LOGITS) ** 2, atol=1e-12)
    assert functions["bernoulli"].value(x).numpy().tolist() == (LOGITS > 0).astype(float).tolist()
