"""Looks that are given by name: which fields there are, and what of them Matplotlib cannot draw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import cbook, colors
from matplotlib.markers import MarkerStyle
from matplotlib.mathtext import MathTextParser

from steeplechase.errors import UserError, did_you_mean

FIELDS = ("colour", "marker", "label", "order")


def check(looks: Mapping[str, Any]) -> None:
    """Does nothing where each look can be drawn, and no two are the same.

    Args:
        looks: what is given, by the estimator or the method.

    Raises:
        UserError: with the field and what it may be.
    """
    seen: dict[tuple[str, Any], str] = {}
    for name, given in looks.items():
        if not isinstance(given, Mapping):
            raise UserError(f"looks.{name} is {given!r}, but must be fields: looks.{name}={{colour: red, marker: o}}.")
        for field, value in given.items():
            if field not in FIELDS:
                near = did_you_mean(str(field), FIELDS)
                raise UserError(f"looks.{name} has no field '{field}'; known are: {', '.join(FIELDS)}{near}")
            CHECKS[field](f"looks.{name}.{field}", value)
        if "colour" in given and "marker" in given:
            both = colors.to_hex(given["colour"]), given["marker"]
            if both in seen:
                raise UserError(
                    f"looks.{name} is the look of {seen[both]} as well ({given['colour']}, {given['marker']}): change "
                    "one of the two."
                )
            seen[both] = name


def _check_colour(key: str, value: Any) -> None:
    if not isinstance(value, str) or not colors.is_color_like(value) or value.lower() == "none":
        known = colors.get_named_colors_mapping()
        raise UserError(f"{key} is {value!r}, which Matplotlib knows as no colour{did_you_mean(str(value), known)}")


def _check_marker(key: str, value: Any) -> None:
    names = {str(name): sign for sign, name in MarkerStyle.markers.items() if isinstance(sign, str) and sign.strip()}
    try:
        drawn = type(value) in (str, int) and np.size(MarkerStyle(value).get_path().vertices) > 0
    except ValueError:
        drawn = False
    if not drawn:
        near = did_you_mean(names.get(str(value), str(value)), names.values())
        raise UserError(f"{key} is {value!r}, which Matplotlib knows as no marker{near}")


def _check_label(key: str, value: Any) -> None:
    if not isinstance(value, str) or not value.strip() or len(value.splitlines()) > 1:
        raise UserError(f"{key} is {value!r}, but must be text in one line: put it in quotes.")
    if cbook.is_math_text(value):
        try:
            MathTextParser("path").parse(value)
        except ValueError:
            raise UserError(rf"{key} is {value!r}, whose mathematics cannot be read; a dollar sign is \$.") from None


def _check_order(key: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UserError(f"{key} is {value!r}, but must be a number: lower ones come first.")


CHECKS = {"colour": _check_colour, "marker": _check_marker, "label": _check_label, "order": _check_order}
