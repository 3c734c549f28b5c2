"""What every surrogate's page promises, and how it is held against the page: the contract.

A promise is a function of a page that raises Broken with one sentence. Which ones apply follows from the page's traits;
no page is named here. Whoever enters a page need write no test: the book is held to all of this by tests/.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from scipy import integrate

import estimators
from estimators.base import FORWARDS, NORMALIZATIONS, Surrogate
from runners import fresh, pages
from steeplechase import schedules
from steeplechase.errors import Unsupported, UserError
from steeplechase.random import Chance, key

FLOATS = ("float16", "bfloat16", "float32", "float64")
EXTREMES = (0.0, 1e-30, 1e4, 3e38, math.inf)
ROLES = ("height", "width", "tail")
_SIDE = np.array([*np.geomspace(1e-4, 60, 160), 1e3, 1e6])
GRID = np.concatenate([-_SIDE[::-1], [0.0], _SIDE])  # dense where slopes are narrow, and far enough for their tails


class Broken(AssertionError):
    """A promise that a page does not keep, told in one sentence."""


class Unbounded(Broken):
    """The slope is infinite somewhere."""


def keeps(page: Surrogate) -> Iterator[tuple[str, str]]:
    """Each promise in words, and how the page breaks it, or "" where it keeps it.

    What follows from a fault that is told is left out: that the slope is no tensor, or that it has no bound, which
    breaks whatever compares its values.
    """
    told, unbounded = set(), False
    for promise in (*_FIRST, *(promise for promise in PROMISES if promise not in _FIRST)):
        if unbounded and promise not in _OF_NO_VALUES:
            continue
        words = " ".join(inspect.getdoc(promise).split("\n\n")[0].split())
        try:
            promise(page)
        except (Broken, UserError) as broken:
            unbounded = unbounded or isinstance(broken, Unbounded)
            if str(broken) not in told:
                yield words, str(broken)
            told.add(str(broken))
        except (Exception, SystemExit) as error:  # a page can fail in any way: that, too, is a promise that is not kept
            yield words, f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no reason given'])[0]}"
        else:
            yield words, ""


# The promises


def shape_and_type(page: Surrogate) -> None:
    """The slope has the shape and the type of x, whatever they are, and is never None."""
    for dtype in FLOATS:
        for shape in ([], [0], [5], [2, 3], [2, 1, 3]):
            x = tf.fill(shape, tf.constant(0.3, dtype))
            m = page.rule(x, **_parameters(page, x.dtype))
            try:
                page.check_slope(m, x)
            except UserError as error:
                raise Broken(str(error)) from None


def says_what_it_is(page: Surrogate) -> None:
    """Its docstring has the words Replaces, With, Needs in this order and what shape x has; its source is named, and
    something that its formula can be checked by.
    """
    text = inspect.getdoc(page.rule) or ""
    places = [text.find(word) for word in ("Replaces", "With", "Needs", "shape")]
    if -1 in places or places != sorted(places):
        raise Broken(f"{page.name}'s docstring lacks Replaces, With, Needs and the shape, in this order.")
    for what in ("source", "label"):
        if not getattr(page, what).strip():
            raise Broken(f"{page.name} declares no {what}.")
    if "$" in page.label or not page.label.isprintable():
        raise Broken(f"{page.name}'s label {page.label!r} has a sign that figures cannot print as it is.")
    if page.elementwise and not page.random and not (page.counterpart or page.known or page.equals):
        raise Broken(f"{page.name} declares nothing that its formula can be checked by: counterpart, known or equals.")


def derivative_of_its_counterpart(page: Surrogate) -> None:
    """The slope is the derivative of the smooth function that it declares, by central differences in float64."""
    if page.counterpart is None:
        return
    for chosen in page.settings():
        own = _parameters(page, tf.float64, **chosen)
        x = _off(_corners(page, chosen), 1e-3)
        x = x[np.abs(x) < 100]  # beyond, the step would jump over what the slope does
        h = 1e-5 * np.maximum(np.abs(x), 1e-3)
        ends = [np.asarray(page.counterpart(tf.constant(end), **own)) for end in (x + h, x - h)]
        m = _at(page, x, **chosen)
        _close(m, (ends[0] - ends[1]) / (2 * h), 1e-6, f"{page.name}{_said(chosen)} is not its counterpart's", x)


def known_values(page: Surrogate) -> None:
    """At the x that its source gives values for, it has them."""
    for x, m in page.known:
        _close(_at(page, [x])[0], m, 1e-8, f"{page.name} does not have its known value", x)


def equal_pages(page: Surrogate) -> None:
    """Where it says that it is another page, it is."""
    for mine, other, theirs in page.equals:
        same = _at(estimators.book[other], GRID, **theirs)
        _close(_at(page, GRID, **mine), same, 1e-12, f"{page.name}{_said(mine)} is not {other}{_said(theirs)}", GRID)


def even_and_positive(page: Surrogate) -> None:
    """It is even and positive exactly if it says so."""
    slopes = [_at(page, GRID, **chosen) for chosen in page.settings()]
    found = {
        "even": page.random is False and all(np.allclose(m, m[::-1], rtol=1e-12, atol=0) for m in slopes),
        "positive": all((m >= 0).all() for m in slopes),
    }
    for trait, holds in found.items():
        if holds != getattr(page, trait):
            raise Broken(f"{page.name} declares {trait}={getattr(page, trait)}, but it is {'' if holds else 'not '}so.")


def area_and_peak(page: Surrogate) -> None:
    """Its area is what quadrature finds, and its peak is approached and never passed."""
    for chosen in page.settings():
        area, peak = (page.trait(name, **chosen) for name in ("area", "peak"))
        if area is not None:
            edges = np.unique([0.0, *_corners(page, chosen)])
            if math.isinf(area):
                if _integral(page, [-1e6, 1e3], [-1e3, 1e6], chosen) < 1e-2:
                    raise Broken(
                        f"{page.name}{_said(chosen)} declares an infinite area, but its tails hold next to none."
                    )
            else:
                ends = [-math.inf, *edges, math.inf]
                found = _integral(page, ends[:-1], ends[1:], chosen)
                _close(found, float(area), 1e-7, f"{page.name}{_said(chosen)} has another area than it declares")
        if peak is not None:
            _close(
                _largest(page, chosen), float(peak), 1e-6, f"{page.name}{_said(chosen)} has another peak than declared"
            )


def support(page: Surrogate) -> None:
    """Outside its support it is exactly zero, and just inside it is not."""
    for chosen in page.settings():
        reach = float(page.trait("support", **chosen))
        if math.isinf(reach):
            continue
        outside = np.array([-1e3, -3 * reach - 1, -reach - 1e-9, reach + 1e-9, 3 * reach + 1, 1e3])
        if _at(page, outside, **chosen).any():
            raise Broken(f"{page.name}{_said(chosen)} is not zero outside its support of {reach:g}.")
        if reach and not _at(page, np.array([-reach, reach]) * (1 - 1e-6), **chosen).any():
            raise Broken(f"{page.name}{_said(chosen)} is zero already inside its support of {reach:g}.")


def parameters_matter(page: Surrogate) -> None:
    """Every parameter changes the slope, in the role that is declared for it."""
    for name, role in page.roles.items():
        if name not in page.parameters or role not in ROLES:
            raise Broken(f"{page.name} declares the role '{role}' for '{name}'; roles are {', '.join(ROLES)}.")
    before = _at(page, GRID)
    for chosen in page.settings()[1:]:
        if len(chosen) > 1:
            continue
        ((name, _),) = chosen.items()
        after, role = _at(page, GRID, **chosen), page.roles.get(name)
        if np.abs(after - before).max() <= 1e-3 * np.abs(before).max():
            raise Broken(f"{page.name}{_said(chosen)} is the same as with the default: the parameter does nothing.")
        at = np.abs(before).argmax()
        proportional = before[at] != 0 and np.allclose(after, before * (after[at] / before[at]), rtol=1e-9, atol=1e-12)
        if (role == "height") != proportional and role:
            raise Broken(
                f"{page.name}{_said(chosen)} {'only scales' if proportional else 'does not only scale'} the slope."
            )
        if role == "width" and abs(_half_width(page, chosen) / _half_width(page, {}) - 1) < 0.01:
            raise Broken(f"{page.name}{_said(chosen)} is as wide at half its peak as with the default.")


def finite_at_extremes(page: Surrogate) -> None:
    """It is finite at 0, −0, ±1e-30, ±1e4, ±3e38 and at infinity, in every type, and wherever it is looked at; NaN
    stays NaN.
    """
    for chosen in page.settings():
        x = np.unique([*EXTREMES[:3], *GRID, *_corners(page, chosen)])
        endless = np.isinf(_at(page, x, **chosen))
        if endless.any():
            at = min(x[endless], key=abs)
            raise Unbounded(f"{page.name}{_said(chosen)} has no finite bound at x = {at:g}.")
    for dtype in FLOATS:
        for chosen in page.settings():
            x = tf.cast(tf.constant([*EXTREMES, *(-x for x in EXTREMES)], tf.float64), dtype)
            m = tf.cast(page.slope(x, chance=_chance(), **chosen), tf.float64).numpy()
            if not np.isfinite(m).all():
                at = tf.cast(x, tf.float64).numpy()[~np.isfinite(m)][0]
                raise Broken(f"{page.name}{_said(chosen)} is {m[~np.isfinite(m)][0]} at x = {at:g} in {dtype}.")
        nan = page.slope(tf.constant([math.nan, 1.0], dtype), chance=_chance())
        if not tf.math.is_nan(nan[0]):
            raise Broken(f"{page.name} hides a NaN in {dtype}.")


def same_in_every_type(page: Surrogate) -> None:
    """In float32 it is what it is in float64, also where it is small, and in the short types to their precision."""
    for chosen in page.settings():
        for dtype, tolerance, far in (("float32", 2e-5, 60), ("float16", 0.05, 4), ("bfloat16", 0.05, 4)):
            x = tf.cast(_off(_corners(page, chosen), 0.1), dtype)
            x = tf.boolean_mask(x, tf.abs(x) <= far)
            wide = _at(page, tf.cast(x, tf.float64).numpy(), **chosen)
            found = tf.cast(page.slope(x, chance=_chance(), **chosen), tf.float64).numpy()
            what = f"{page.name}{_said(chosen)} in {dtype} is not what it is in float64"
            _close(found, wide, tolerance, what, x)
            early = (found == 0) & (np.abs(wide) > 1e-12 * np.abs(wide).max(initial=0))
            if dtype == "float32" and early.any():
                at = float(tf.boolean_mask(x, early)[0])
                raise Broken(f"{what}: 0 instead of {wide[early][0]:.3g} at x = {at:g}, a loss of all digits.")


def upstream_times_slope(page: Surrogate) -> None:
    """The operation is hard, keeps shape and type, and hands down the upstream gradient times the slope, never None."""
    for dtype in FLOATS:
        x = tf.cast(tf.reshape(tf.linspace(-2.0, 2.0, 24), [2, 3, 4]), dtype)
        upstream = tf.cast(tf.reshape(tf.range(24.0) - 7, [2, 3, 4]), dtype)
        for forward in FORWARDS:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = page.hard(x, forward=forward, chance=_chance())
            down = tape.gradient(y, x, output_gradients=upstream)
            if down is None or down.dtype != x.dtype or y.dtype != x.dtype or y.shape != x.shape:
                raise Broken(f"{page.name}'s operation changes shape or type, or hands down None, in {dtype}.")
            if not set(np.unique(tf.cast(y, tf.float64))) <= ({-1.0, 1.0} if forward == "sign" else {0.0, 1.0}):
                raise Broken(f"{page.name}'s operation is not hard for forward={forward}.")
            wanted = upstream * page.slope(x, forward=forward, chance=_chance())
            if not (tf.cast(down, tf.float64).numpy() == tf.cast(wanted, tf.float64).numpy()).all():
                raise Broken(f"{page.name}'s operation does not hand down upstream × slope in {dtype}.")


def element_by_element(page: Surrogate) -> None:
    """The slope at x depends on x alone, unless the page says that it does not."""
    if page.elementwise and not page.random:
        x = tf.constant(GRID[::9])
        alone = np.array([page.slope(one).numpy() for one in x])
        _close(_at(page, x), alone, 1e-12, f"{page.name} depends on other elements of x, too", x.numpy())


def chance_decides(page: Surrogate) -> None:
    """The same chance gives the same slope, and, where the page is random, another chance another one."""
    x = tf.constant(GRID)
    slopes = [page.slope(x, chance=_chance(seed)).numpy() for seed in (0, 0, 1)]
    if not (slopes[0] == slopes[1]).all():
        raise Broken(f"{page.name} gives other slopes for the same chance: it draws from elsewhere.")
    if page.random == (slopes[0] == slopes[2]).all():
        raise Broken(f"{page.name} {'does not use' if page.random else 'uses'} chance.")


def same_everywhere(page: Surrogate) -> None:
    """Eager, in a graph, under XLA and vectorised over replicas it is the same, each replica with its own numbers."""
    x = tf.constant(np.resize(GRID, [4, 80]), tf.float32)
    own = {name: tf.constant(_four(page, name), tf.float32) for name in page.parameters}

    def gradients(x, own):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = page.hard(x, chance=_chance(), **own)
        return y, tape.gradient(y, x)

    def rows(x, own):
        return tf.vectorized_map(lambda row: gradients(*row), (x, own), fallback_to_while_loop=False)

    each = [gradients(x[i], {name: value[i] for name, value in own.items()}) for i in range(4)]
    eager = [np.stack(part) for part in zip(*each, strict=True)]
    ways = {"in a graph": tf.function(rows, autograph=False), "vectorised": rows}
    ways["under XLA"] = tf.function(rows, jit_compile=True, autograph=False)
    for way, call in ways.items():
        y, m = (part.numpy() for part in call(x, own))
        if not (y == eager[0]).all():
            raise Broken(f"{page.name}'s hard output is another one {way}.")
        _close(m, eager[1], 2e-6, f"{page.name} is another one {way}", x.numpy())


def schedules_act(page: Surrogate) -> None:
    """A schedule of any parameter acts inside a compiled program: the next gradient has the next value."""
    for name in page.parameters:
        ends = [float(value) for value in _four(page, name)[:2]]
        values = {"from": ends[0], "to": ends[1], "shape": "linear"}
        coded = tf.constant(schedules.encode(name, values), tf.float64)

        @tf.function(jit_compile=True, autograph=False)
        def slope(progress, name=name, coded=coded):
            return page.slope(tf.constant(GRID), chance=_chance(), **{name: schedules.value(coded, progress)})

        found = [slope(tf.constant(progress, tf.float64)).numpy() for progress in (0.0, 1.0)]
        if (found[0] == found[1]).all():
            raise Broken(f"{page.name}.{name} changes nothing when its schedule goes from {ends[0]:g} to {ends[1]:g}.")
        for m, value in zip(found, ends, strict=True):
            _close(m, _at(page, GRID, **{name: value}), 1e-9, f"{page.name}.{name} does not follow its schedule", GRID)


def normalised(page: Surrogate) -> None:
    """Normalised by peak its peak is 1, by area its area is the hard function's; what cannot be is declined."""
    for kind in NORMALIZATIONS[1:]:
        if page.decline(kind):
            try:
                page.slope(0.0, normalize=kind, chance=_chance())
            except Unsupported:
                continue
            raise Broken(f"{page.name} cannot be normalised by {kind}, and does it all the same.")
        for chosen in page.settings():
            raw, own = _at(page, GRID, **chosen), float(page.trait(kind, **chosen))
            for forward, jump in zip(FORWARDS, (2.0, 1.0), strict=True):
                wanted = raw * (1 if kind == "peak" else jump) / own
                index = tf.constant(NORMALIZATIONS.index(kind), tf.float64)
                for how in (kind, index):
                    found = _at(page, GRID, forward=forward, normalize=how, **chosen)
                    _close(found, wanted, 1e-12, f"{page.name}{_said(chosen)} is not normalised by {kind}", GRID)


def ranges_are_kept(page: Surrogate) -> None:
    """A parameter outside its range is refused before anything is computed, and every default lies inside."""
    for name, allowed in page.needs.items():
        if name not in page.parameters:
            raise Broken(f"{page.name} needs '{name}', which is no parameter of it.")
        if page.parameters[name] not in allowed:
            raise Broken(f"{page.name}'s default {name} = {page.parameters[name]:g} is not {allowed}.")
        outside = [end for end in (allowed.above, allowed.below, allowed.least - 1) if math.isfinite(end)]
        for value in [*outside, *([allowed.least + 0.5] if allowed.whole else [])]:
            try:
                page.slope(0.0, chance=_chance(), **{name: value})
            except UserError:
                continue
            raise Broken(f"{page.name} takes {name} = {value:g}, which is not {allowed}.")


def same_in_fresh_interpreters(page: Surrogate) -> None:
    """Two fresh interpreters get the same slope: nothing is drawn, asked of the clock or left to order while it loads.

    A page that only computes, as far as its names say, cannot do otherwise, and is spared them.
    """
    if pages.known(page.name) and pages.may_read(page.name):
        first, second = (found[page.name] for found in fresh.slopes([page.name]))
        if first != second:
            raise Broken(f"{page.name} has another slope in each interpreter: it draws or asks the clock as it loads.")


def over_grid(page: Surrogate) -> np.ndarray:
    """The slope at the points of the contract's grid, float64."""
    return _at(page, GRID)


PROMISES: tuple[Callable[[Surrogate], None], ...] = (
    shape_and_type,
    says_what_it_is,
    derivative_of_its_counterpart,
    known_values,
    equal_pages,
    even_and_positive,
    area_and_peak,
    support,
    parameters_matter,
    finite_at_extremes,
    same_in_every_type,
    upstream_times_slope,
    element_by_element,
    chance_decides,
    same_everywhere,
    schedules_act,
    normalised,
    ranges_are_kept,
    same_in_fresh_interpreters,
)

_FIRST = (shape_and_type, finite_at_extremes)  # from whose faults others follow
_OF_NO_VALUES = (says_what_it_is, chance_decides, ranges_are_kept)  # what can be held though the slope has no bound


# What they share


def _chance(seed: int = 0) -> Chance:
    return Chance(key(seed)).of("contract")


def _parameters(page, dtype, **chosen):
    own = {name: tf.constant(value, dtype) for name, value in {**page.parameters, **chosen}.items()}
    return {**own, "chance": _chance()} if page.random else own


def _at(page, x, **chosen):
    """The slope in float64."""
    return page.slope(tf.constant(x, tf.float64), chance=_chance(), **chosen).numpy()


def _corners(page, chosen):
    """Where the slope may jump or bend: as declared, and at the ends of its support; and zero."""
    reach = float(page.trait("support", **chosen))
    ends = [-reach, reach] if math.isfinite(reach) else []
    return np.array([0.0, *ends, *(float(x) for x in page.trait("corners", **chosen))])


def _off(corners, share):
    """The grid without what lies so near to a corner, as a share of itself."""
    near = share * np.maximum(np.abs(GRID), 1e-3)
    return GRID[np.abs(GRID[:, None] - corners).min(1, initial=math.inf) > near]


def _integral(page, lows, highs, chosen):
    """Over these pieces, together."""
    return integrate.tanhsinh(lambda x: _at(page, x, **chosen), np.array(lows), np.array(highs)).integral.sum()


def _largest(page, chosen):
    """The largest value, also where it is only approached: next to a corner."""
    corners = _corners(page, chosen)
    near = [corners, *(corners + sign * 1e-9 * np.maximum(np.abs(corners), 1e-3) for sign in (-1, 1))]
    x = np.unique(np.concatenate([GRID, *near]))
    for _ in range(2):
        m = _at(page, x, **chosen)
        at = m.argmax()
        x = np.unique([*x, *np.linspace(x[max(at - 1, 0)], x[min(at + 1, len(x) - 1)], 2001)])
    return _at(page, x, **chosen).max()


def _half_width(page, chosen):
    x = np.linspace(0, 60, 60001) if page.even else np.linspace(-60, 60, 60001)
    x = np.unique([*x, *np.geomspace(1e-5, 60, 4001)])
    m = np.abs(_at(page, x, **chosen))
    wide = x[m >= m.max() / 2]
    return float(wide.max() - wide.min()) + 1e-12


def _four(page, name):
    """Four values that a parameter may have."""
    allowed = [chosen[name] for chosen in page.settings() if name in chosen]
    return np.resize([page.parameters[name], *allowed], 4)


def _close(found, wanted, tolerance, what, x=None):
    """Holds two arrays together, to a share of the largest value; else says where they part."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    found, wanted = np.broadcast_arrays(found, wanted)
    largest = np.abs(wanted).max(initial=0, where=np.isfinite(wanted))
    allowed = tolerance * max(largest, 1e-300) + 1e-300
    with np.errstate(invalid="ignore"):
        gap = np.where(found == wanted, 0.0, np.abs(found - wanted))  # infinity is itself, though ∞ − ∞ is NaN
    apart = ~(gap <= allowed)
    if apart.any():
        at = np.unravel_index(np.argmax(np.where(np.isnan(gap), math.inf, gap)), gap.shape)
        where = "" if x is None else f" at x = {np.broadcast_to(x, found.shape)[at]:g}"
        shown = [f"{value[at]:.10g}" for value in (found, wanted)]
        if shown[0] == shown[1]:  # they part in later digits
            shown = [f"{value[at]:.17g}" for value in (found, wanted)]
        raise Broken(f"{what}: {shown[0]} instead of {shown[1]}{where}.")


def _said(chosen):
    return f"({', '.join(f'{name}={value:g}' for name, value in chosen.items())})" if chosen else ""
