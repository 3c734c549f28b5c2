"""What a sampled estimator is: a value drawn at a site, and what its draw hands down; and the registry of them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import tensorflow as tf

from estimators.excluded import EXCLUDED
from estimators.function import HardFunction, as_hard_function, floating
from estimators.laws import LAWS, Site
from estimators.parameters import Range, TakesParameters, as_constant
from estimators.surrogate import with_backward
from steeplechase.errors import Unsupported, UserError
from steeplechase.registry import Registry

sampled_registry = Registry("estimator", aliases=lambda page: page.aliases, excluded=EXCLUDED)


@dataclass(frozen=True, eq=False)
class Sampled(TakesParameters):
    """A rule for values that are drawn: it acts at a site, at any depth, and needs one evaluation of the loss.

    What comes down may depend on the draw, unlike a surrogate's slope, which knows the logits alone.

    Attributes:
        name: by which it is asked for: that of the rule.
        label: how it is printed, in figures as well.
        rule: rule(site, drawn, upstream): what comes down to the logits, of their shape and linear in upstream; and the
            parameters by keyword, with defaults. `site` is a Site, of which `drawn` is the draw that went forward. It
            may take `samples`, a whole number of further draws.
        source: where the formula is from.
        over: the laws that it is for (estimators.laws), by name.
        exact_to: up to which degree the objective may be a polynomial of the drawn values for the estimate to have the
            true gradient as its mean, with its default parameters: 0 where it is biased even where it is linear.
        soft: soft(site): the value that goes forward in the place of the hard one, and the parameters by keyword; None:
            the hard value does. What comes down is its derivative.
        samples: how many draws it asks for at a site beside the one that goes forward; None: it takes no `samples`.
        aliases: other names that the field has for it.
        ships: by library, the name and the defaults under which it ships the same.
        needs: the range of each parameter, and of `samples`.
        agree: what parameters must be to each other, as of a surrogate.
    """

    name: str
    label: str
    rule: Callable
    source: str
    over: tuple[str, ...]
    exact_to: int = 0
    soft: Callable | None = None
    samples: int | None = None
    aliases: tuple[str, ...] = ()
    ships: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Range] = field(default_factory=dict)
    agree: tuple[Callable, str] | None = None

    @property
    def unbiased(self) -> bool:
        """Whether its mean is the true gradient of any objective."""
        return False

    @property
    def kind(self) -> str:
        """What kind of estimator it is, in a word."""
        return "sampled"

    def unsupported_reason(self, function: HardFunction) -> str | None:
        """Why it cannot stand at a site of this hard function: a sentence, or None where it can."""
        return reason_by_law(self.name, self.over, function)

    def hard(self, x, *, forward: str | HardFunction = "bernoulli", noise=None, chance=None, **parameters) -> tf.Tensor:
        """The operation: a value that is drawn going forward, and what the rule makes of the gradient going backward.

        Args:
            x: logits that become a tensor, any floating dtype.
            forward: the hard function that is drawn, or its name.
            noise: what decides the draw, of the shape and dtype of x (Law.noise).
            chance: where a page that draws more takes it from (steeplechase.random.Chance).
            **parameters: one number each. Those not given have the page's defaults.

        Returns:
            The drawn value, or the soft one in its place; of the shape and dtype of x.

        Raises:
            UserError: for an x that holds no numbers, for a parameter that is unknown or refused, and for a lack of
                noise.
            Unsupported: for a hard function that it is not for.
        """
        x, function = floating(x), as_hard_function(forward)
        self.check(**parameters)
        if reason := self.unsupported_reason(function):
            raise Unsupported(reason)
        assert function.law is not None  # unsupported_reason has asked
        if noise is None:
            raise UserError(f"{self.name} is for values that are drawn: give it the noise that decides them.")
        values = {k: as_constant(v, x.dtype) for k, v in {**self.parameters, **parameters}.items()}
        samples = {"samples": self.samples} if self.samples is not None else {}
        law, soft = function.law, self.soft

        def value(x):
            return function.value(x + noise) if soft is None else soft(Site(law, x, noise, chance), **values)

        def down(upstream, x):
            return (self.rule(Site(law, x, noise, chance), law.decide(x + noise), upstream, **values, **samples),)

        return with_backward(value, down)(x)

    def with_samples(self, samples: int | None) -> Sampled:
        """The same page that asks for so many draws.

        Args:
            samples: how many; None: as many as by default.

        Returns:
            A page of the same name.

        Raises:
            UserError: for a page that takes no `samples`, and for a number outside `needs`.
        """
        return self if samples is None else replace(self, samples=checked_samples(self, self.samples, samples))


def reason_by_law(name: str, over: tuple[str, ...], function: HardFunction) -> str | None:
    """Why an estimator for drawn values cannot stand where a hard function does.

    Args:
        name: of the estimator.
        over: the laws that it is for.
        function: the hard function.

    Returns:
        A sentence, or None where it can.
    """
    allowed = " or ".join(f"function={law}" for law in over)
    if function.law is None:
        return f"{name} is for values that are drawn, and {function.name} is not: it goes with {allowed}."
    return None if function.law.name in over else f"{name} goes with {allowed}, not with {function.name}."


def checked_samples(page: TakesParameters, default: int | None, samples: int) -> int:
    """A number of draws that a page may ask for.

    Args:
        page: of either kind that draws.
        default: what it asks for by itself; None: it takes no such number.
        samples: what is wanted of it.

    Returns:
        The number.

    Raises:
        UserError: where it cannot be.
    """
    if default is None:
        raise UserError(f"{page.name} asks for no number of samples.")
    if samples not in page.needs["samples"]:
        raise UserError(f"{page.name}.samples is {samples}, but must be {page.needs['samples']}.")
    return samples


def sampled(**traits) -> Callable:
    """Registers a sampled estimator under the function's name.

    Args:
        **traits: the fields of `Sampled`, but `name` and `rule`.

    Returns:
        The decorator of a rule. It gives the rule as it is, and raises UserError where the name is taken, or for a law
        that there is not.
    """

    def register(rule):
        page = Sampled(name=rule.__name__, rule=rule, **traits)
        check_laws(page.name, page.over)
        sampled_registry.register(page.name, page)
        return rule

    return register


def check_laws(name: str, over: tuple[str, ...]) -> None:
    """Refuses laws that there are not.

    Args:
        name: of the estimator.
        over: the laws that it is for.

    Raises:
        UserError: with those that there are.
    """
    if not over or not {*over} <= {*LAWS}:
        raise UserError(f"{name}: `over` is {over}, but must name some of: {', '.join(LAWS)}.")
