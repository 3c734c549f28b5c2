"""Hard sites: which hard function stands where, and which slope goes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from estimators.function import HardFunction, functions
from estimators.surrogate import Surrogate
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

    def operation(self, numbers: Mapping, stream: Chance, watch: Callable | None = None) -> Callable:
        """`hard(x, at=site)` with these numbers.

        Args:
            numbers: {"activations": {...}, "weights": {...}} the parameters of the surrogates, and "normalize" how
                their slopes are scaled, a name or its index as a tensor (Surrogate.gain).
            stream: what slopes that are random draw from, at each site apart.
            watch: `watch(site, x, slope)` is called at each site while the forward pass is traced; None: nothing is.

        Returns:
            The operation. It has the shape and dtype of x.
        """

        def hard(x, *, at: str):
            page = self.at(at)
            if page is None:
                return x  # ±1 already: the weight itself is what is used
            own = dict(numbers["weights" if at.endswith("/weights") else "activations"])
            own |= {"forward": self.function_at(at), "normalize": numbers["normalize"]}
            if page.random:
                own["chance"] = stream.of("slope", at)
            if watch:
                watch(at, x, page.slope(x, **own))
            return page.hard(x, **own)

        return hard
