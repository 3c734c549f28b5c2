"""What every surrogate's page promises, and how it is held against the page: the contract.

A promise is a function of a page that raises ContractError with one sentence. Which ones apply follows from the page's
traits; no page is named here. Whoever enters a page need write no test: the book is held to all of this by tests/.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

import estimators
from estimators import width
from estimators.contract.execution import (
    chance_decides,
    element_by_element,
    finite_at_extremes,
    same_everywhere,
    same_in_every_type,
    schedules_act,
    upstream_times_slope,
)
from estimators.contract.mixing import hands_down_through_choices
from estimators.contract.numerics import (
    FLOATS,
    GRID,
    ROLES,
    Unbounded,
    away_from,
    check_close,
    contract_stream,
    corners_of,
    format_parameters,
    half_width,
    integral_over,
    largest_slope,
    parameters_as,
    slope_at,
)
from estimators.contract.steps import step_is_learned
from estimators.function import functions
from estimators.surrogate import BESIDE, NORMALIZATIONS, SITES, Surrogate
from steeplechase.contract import Check, ContractError, first_sentence
from steeplechase.errors import Unsupported, UserError, first_line


def check_all(page: Surrogate, checks: Sequence[Callable[[Surrogate], None]] | None = None) -> Iterator[Check]:
    """Each promise in words, and how the page breaks it, or "" where it keeps it.

    What follows from a fault that is told is left out: that the slope is no tensor, or that it has no bound or is NaN,
    which breaks whatever compares its values.

    Args:
        page: the surrogate.
        checks: functions of a page that raise ContractError; None: CHECKS.

    Yields:
        Each promise, with its fault.
    """
    told, unbounded = set(), False
    for promise in (*_FIRST, *(promise for promise in checks or CHECKS if promise not in _FIRST)):
        if unbounded and promise not in _OF_NO_VALUES:
            continue
        words = first_sentence(promise)
        try:
            promise(page)
        except (ContractError, UserError) as broken:
            unbounded = unbounded or isinstance(broken, Unbounded)
            if str(broken) not in told:
                yield Check(words, str(broken), promise in FORM)
            told.add(str(broken))
        except (Exception, SystemExit) as error:  # a page can fail in any way: that, too, is a promise that is not kept
            yield Check(words, f"{type(error).__name__}: {first_line(error)}", promise in FORM)
        else:
            yield Check(words, "", promise in FORM)


# The promises


def shape_and_type(page: Surrogate) -> None:
    """The slope has the shape and the type of x, whatever they are, and is never None.

    Raises:
        ContractError: with what the page returned instead.
    """
    for dtype in FLOATS:
        for shape in ([], [0], [5], [2, 3], [2, 1, 3]):
            x = tf.fill(shape, tf.constant(0.3, dtype))
            m = page.rule(x, **parameters_as(page, x.dtype))
            try:
                page.check_slope(m, x)
            except UserError as error:
                raise ContractError(str(error)) from None


def is_documented(page: Surrogate) -> None:
    """Its docstring has the words Replaces, With, Needs in this order and what shape x has, and its source is named.

    Raises:
        ContractError: with what is lacking.
    """
    text = inspect.getdoc(page.rule) or ""
    places = [text.find(word) for word in ("Replaces", "With", "Needs", "shape")]
    if -1 in places or places != sorted(places):
        raise ContractError(f"{page.name}'s docstring lacks Replaces, With, Needs and the shape, in this order.")
    if not page.source.strip():
        raise ContractError(f"{page.name} declares no source.")


def can_be_checked(page: Surrogate) -> None:
    """It has a label that figures can print, sites that there are, and something that its formula can be checked by.

    Raises:
        ContractError: with what is lacking.
    """
    if not page.label.strip():
        raise ContractError(f"{page.name} declares no label.")
    if "$" in page.label or not page.label.isprintable():
        raise ContractError(f"{page.name}'s label {page.label!r} has a sign that figures cannot print as it is.")
    if unknown := [site for site in page.sites if site not in SITES]:
        raise ContractError(f"{page.name} declares the site {unknown[0]!r}, but there are only: {', '.join(SITES)}.")
    if page.elementwise and not page.random and not (page.counterpart or page.known or page.equals):
        raise ContractError(
            f"{page.name} declares nothing that its formula can be checked by: counterpart, known or equals."
        )


def derivative_of_its_counterpart(page: Surrogate) -> None:
    """The slope is the derivative of the smooth function that it declares, by central differences in float64.

    Raises:
        ContractError: with the x where it is not.
    """
    if page.counterpart is None:
        return
    for chosen in page.example_parameters():
        own = parameters_as(page, tf.float64, **chosen)
        x = away_from(corners_of(page, chosen), 1e-3)
        x = x[np.abs(x) < 100]  # beyond, the step would jump over what the slope does
        h = 1e-5 * np.maximum(np.abs(x), 1e-3)
        ends = [np.asarray(page.counterpart(tf.constant(end), **own)) for end in (x + h, x - h)]
        m = slope_at(page, x, **chosen)
        check_close(
            m,
            (ends[0] - ends[1]) / (2 * h),
            1e-6,
            f"{page.name}{format_parameters(chosen)} is not its counterpart's",
            x,
        )


def known_values(page: Surrogate) -> None:
    """At the x that its source gives values for, it has them.

    Raises:
        ContractError: with the x where it has another.
    """
    for x, m in page.known:
        check_close(slope_at(page, [x])[0], m, 1e-8, f"{page.name} does not have its known value", x)


def equal_pages(page: Surrogate) -> None:
    """Where it says that it is another page, or so many times another, it is.

    Raises:
        ContractError: with the other page, and an x where they differ.
    """
    for mine, other, theirs, factor in page.equalities:
        same, times = slope_at(estimators.registry[other], GRID, **theirs), "" if factor == 1 else f"{factor:g} times "
        check_close(
            slope_at(page, GRID, **mine),
            factor * same,
            1e-12,
            f"{page.name}{format_parameters(mine)} is not {times}{other}{format_parameters(theirs)}",
            GRID,
        )


def even_and_positive(page: Surrogate) -> None:
    """It is even and positive exactly if it says so.

    Raises:
        ContractError: with the trait that does not hold, or that does and is denied.
    """
    slopes = [slope_at(page, GRID, **chosen) for chosen in page.example_parameters()]
    found = {
        "even": page.random is False and all(np.allclose(m, m[::-1], rtol=1e-12, atol=0) for m in slopes),
        "positive": all((m >= 0).all() for m in slopes),
    }
    for trait, holds in found.items():
        if holds != getattr(page, trait):
            raise ContractError(
                f"{page.name} declares {trait}={getattr(page, trait)}, but it is {'' if holds else 'not '}so."
            )


def area_and_peak(page: Surrogate) -> None:
    """Its area is what quadrature finds, and its peak is approached and never passed.

    Raises:
        ContractError: with the parameters at which it is another.
    """
    for chosen in page.example_parameters():
        area, peak = (page.trait(name, **chosen) for name in ("area", "peak"))
        if tf.is_tensor(area) or tf.is_tensor(peak):  # as a symbol nobody could tell whether it is finite
            raise ContractError(f"{page.name}'s area and peak must be numbers where its parameters are numbers.")
        if area is not None:
            edges = np.unique([0.0, *corners_of(page, chosen)])
            if math.isinf(area):
                if integral_over(page, [-1e6, 1e3], [-1e3, 1e6], chosen) < 1e-2:
                    raise ContractError(
                        f"{page.name}{format_parameters(chosen)} declares an infinite area, but its tails hold next to "
                        "none."
                    )
            else:
                ends = [-math.inf, *edges, math.inf]
                found = integral_over(page, ends[:-1], ends[1:], chosen)
                check_close(
                    found,
                    float(area),
                    1e-7,
                    f"{page.name}{format_parameters(chosen)} has another area than it declares",
                )
        if peak is not None:
            check_close(
                largest_slope(page, chosen),
                float(peak),
                1e-6,
                f"{page.name}{format_parameters(chosen)} has another peak than declared",
            )


def support(page: Surrogate) -> None:
    """Outside its support it is exactly zero, and just inside it is not.

    Raises:
        ContractError: with the parameters at which the declared support is too narrow or too wide.
    """
    for chosen in page.example_parameters():
        reach = float(page.trait("support", **chosen))
        if math.isinf(reach):
            continue
        outside = np.array([-1e3, -3 * reach - 1, -reach - 1e-9, reach + 1e-9, 3 * reach + 1, 1e3])
        if slope_at(page, outside, **chosen).any():
            raise ContractError(f"{page.name}{format_parameters(chosen)} is not zero outside its support of {reach:g}.")
        if reach and not slope_at(page, np.array([-reach, reach]) * (1 - 1e-6), **chosen).any():
            raise ContractError(
                f"{page.name}{format_parameters(chosen)} is zero already inside its support of {reach:g}."
            )


def parameters_matter(page: Surrogate) -> None:
    """Every parameter changes the slope, in the role that is declared for it.

    Raises:
        ContractError: with the parameter that does nothing, or something else.
    """
    for name, role in page.roles.items():
        if name not in page.parameters or role not in ROLES:
            raise ContractError(f"{page.name} declares the role '{role}' for '{name}'; roles are {', '.join(ROLES)}.")
    before = slope_at(page, GRID)
    for chosen in page.example_parameters()[1:]:
        if len(chosen) > 1:
            continue
        ((name, _),) = chosen.items()
        after, role = slope_at(page, GRID, **chosen), page.roles.get(name)
        if role in BESIDE:
            if (after != before).any():
                raise ContractError(
                    f"{page.name}{format_parameters(chosen)} changes the slope, which '{role}' does not."
                )
            continue
        if np.abs(after - before).max() <= 1e-3 * np.abs(before).max():
            raise ContractError(
                f"{page.name}{format_parameters(chosen)} is the same as with the default: the parameter does nothing."
            )
        at = np.abs(before).argmax()
        proportional = before[at] != 0 and np.allclose(after, before * (after[at] / before[at]), rtol=1e-9, atol=1e-12)
        if (role == "height") != proportional and role:
            scales = "only scales" if proportional else "does not only scale"
            raise ContractError(f"{page.name}{format_parameters(chosen)} {scales} the slope.")
        if role == "width" and abs(half_width(page, chosen) / half_width(page, {}) - 1) < 0.01:
            raise ContractError(
                f"{page.name}{format_parameters(chosen)} is as wide at half its peak as with the default."
            )


def normalised(page: Surrogate) -> None:
    """Normalised by peak its peak is 1, by area its area is the hard function's, by period its area within one step of
    a staircase is; what cannot be is declined.

    Raises:
        ContractError: with the normalisation that is not so.
    """
    within: dict[tuple, float] = {}  # functions with steps of one length share it
    for kind in NORMALIZATIONS[1:]:
        for function in (function for function in functions.values() if not (function.exact or function.mixes)):
            if page.unsupported_reason(kind, function):
                try:
                    page.slope(0.0, forward=function, normalize=kind, chance=contract_stream())
                except Unsupported:
                    continue
                raise ContractError(f"{page.name} cannot be normalised by {kind}, and does it all the same.")
            for chosen in page.example_parameters():
                if kind == "period":
                    step = (function.step_length, *chosen.items())
                    own = within[step] = within.get(step) or _within_a_step(page, function, chosen)
                else:
                    own = float(page.trait(kind, **chosen))
                raw = slope_at(page, GRID, forward=function, **chosen)
                wanted = raw * (1 if kind == "peak" else function.rise) / own
                index = tf.constant(NORMALIZATIONS.index(kind), tf.float64)
                for how in (kind, index):
                    found = slope_at(page, GRID, forward=function, normalize=how, **chosen)
                    check_close(
                        found,
                        wanted,
                        1e-7 if kind == "period" else 1e-12,  # which is integrated here, and a difference there
                        f"{page.name}{format_parameters(chosen)} is not normalised by {kind}",
                        GRID,
                    )


def _within_a_step(page, function, chosen):
    """The integral of the slope from half a step before a jump to half a step after it, piece by piece."""
    half = function.step_length / 2
    corners = [corner for corner in corners_of(page, chosen) if abs(corner) < half]
    edges = np.unique([-half, 0.0, half, *corners])
    return integral_over(page, edges[:-1], edges[1:], chosen)


def as_wide_as_asked(page: Surrogate) -> None:
    """It falls below half of its height for good exactly if it says that it fades; stretched, it is as much wider.

    Raises:
        ContractError: with the half-width that it has, or the x where the stretched slope is another.
    """
    if page.random or not page.elementwise:
        return  # nobody can ask for it
    reach = width.half_width(lambda x: slope_at(page, x), corners_of(page, {}))
    if (0 < reach < math.inf) != page.fades:
        raise ContractError(f"{page.name} declares fades={page.fades}, but its half-width is {reach:g}.")
    for stretch in (0.25, 4.0):
        for normalize in NORMALIZATIONS:
            if not page.unsupported_reason(normalize):
                plain = slope_at(page, GRID, normalize=normalize) / (stretch if normalize == "area" else 1)
                stretched = slope_at(page, GRID * stretch, normalize=normalize, stretch=stretch)
                what = f"{page.name}, stretched {stretch:g} times with normalize={normalize}, is another slope"
                check_close(stretched, plain, 1e-12, what, GRID)


def respects_its_ranges(page: Surrogate) -> None:
    """A parameter outside its range is refused before anything is computed, and every default lies inside.

    Raises:
        ContractError: with the number that is taken, or the default that lies outside.
    """
    for name, allowed in page.needs.items():
        if name not in page.parameters:
            raise ContractError(f"{page.name} needs '{name}', which is no parameter of it.")
        if page.parameters[name] not in allowed:
            raise ContractError(f"{page.name}'s default {name} = {page.parameters[name]:g} is not {allowed}.")
        outside = [end for end in (allowed.above, allowed.below, allowed.least - 1) if math.isfinite(end)]
        for value in [*outside, *([allowed.least + 0.5] if allowed.whole else [])]:
            try:
                page.slope(0.0, chance=contract_stream(), **{name: value})
            except UserError:
                continue
            raise ContractError(f"{page.name} takes {name} = {value:g}, which is not {allowed}.")


CHECKS: tuple[Callable[[Surrogate], None], ...] = (
    shape_and_type,
    is_documented,
    can_be_checked,
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
    as_wide_as_asked,
    respects_its_ranges,
    step_is_learned,
    hands_down_through_choices,
)

FORM = (is_documented,)  # how a page is written: it moves no number, and binds the book's own pages alone
_FIRST = (shape_and_type, finite_at_extremes)  # from whose faults others follow
_OF_NO_VALUES = (
    is_documented,
    can_be_checked,
    chance_decides,
    respects_its_ranges,
)  # what can be held though the slope has no value somewhere
