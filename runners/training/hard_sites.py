"""Hard sites: which hard function stands where, and which slope goes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from estimators.function import HardFunction, functions
from estimators.surrogate import Surrogate
from steeplechase import schedules
from steeplechase.errors import UserError
from steeplechase.random import Chance


@dataclass(frozen=True)
class Hard:
    """Which hard function stands at a site, and which slope goes with it: the forward and the backward choice.

    Attributes:
        activations: the surrogate of all sites but weights.
        weights: that of hard weights. None: no latent weights (Bop), the gradient passes to the hard weight itself.
        function: the hard function of all sites but weights, with its parameters fixed.
        function_weights: that of hard weights. None: the same.
    """

    activations: Surrogate
    weights: Surrogate | None
    function: HardFunction = functions["sign"]
    function_weights: HardFunction | None = None

    def at(self, site: str) -> Surrogate | None:
        """The surrogate of a site, by the word after its last slash."""
        return self.weights if site.endswith("/weights") else self.activations

    def function_at(self, site: str) -> HardFunction:
        """The hard function of a site, by the word after its last slash."""
        return self.function_weights or self.function if site.endswith("/weights") else self.function

    def stretches(
        self,
        width: float | Mapping[str, Any] | None,
        spreads: Mapping[str, float],
        activations: Mapping[str, float | Mapping],
        weights: Mapping[str, float | Mapping],
    ) -> dict[str, float | dict[str, Any]]:
        """How many times as wide the slope of each site is made, so that its half-width is `width` times the spread of
        what arrives there.

        Args:
            width: a number or a schedule above 0; None: each slope stays as it is.
            spreads: of Task.spreads.
            activations: the parameters of the surrogate of activations. Of one that is scheduled counts what it is when
                half of the training is done, so that the slope keeps its schedule, but for one factor.
            weights: those of the surrogate of hard weights.

        Returns:
            By site, numbers or schedules. A slope without a half-width (Surrogate.has_width) stays as it is.

        Raises:
            UserError: for parameters at which the slope has no half-width, and without spreads.
        """
        if width is None:
            return {}
        if not spreads:
            raise UserError(
                f"width is {width}, but this task does not say how far what arrives at its hard sites spreads "
                "(Task.spreads): leave width out."
            )
        stretch = {}
        for site, spread in spreads.items():
            surrogate, parameters = self.at(site), weights if site.endswith("/weights") else activations
            if surrogate is not None and surrogate.has_width:
                reach = surrogate.half_width(**{name: schedules.halfway(each) for name, each in parameters.items()})
                stretch[site] = schedules.scaled(width, spread / reach)
        return stretch

    def operation(self, numbers: Mapping, stream: Chance, watch: Callable | None = None) -> Callable:
        """`hard(x, at=site)` with these numbers.

        Args:
            numbers: {"activations": {...}, "weights": {...}} the parameters of the surrogates; "normalize" how their
                slopes are scaled, a name or its index as a tensor (Surrogate.gain); and "stretch", by site how many
                times as wide they are made, where they are.
            stream: what slopes that are random draw from, at each site apart.
            watch: `watch(site, x, slope)` is called at each site while the forward pass is traced; None: nothing is.

        Returns:
            The operation. It has the shape and dtype of x, and raises UserError at a site that is left out of those
            that are stretched.
        """
        stretch = numbers.get("stretch") or {}

        def hard(x, *, at: str):
            page = self.at(at)
            if page is None:
                return x  # ±1 already: the weight itself is what is used
            own = dict(numbers["weights" if at.endswith("/weights") else "activations"])
            own |= {"forward": self.function_at(at), "normalize": numbers["normalize"]}
            if stretch and page.has_width:
                if at not in stretch:
                    raise UserError(
                        f"width is given, but this task does not say how far what arrives at {at} spreads "
                        "(Task.spreads)."
                    )
                own["stretch"] = stretch[at]
            if page.random:
                own["chance"] = stream.of("slope", at)
            if watch:
                watch(at, x, page.slope(x, **own))
            return page.hard(x, **own)

        return hard
