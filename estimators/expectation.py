"""What an expectation estimator is: one that asks for values of the objective; and the registry of them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import tensorflow as tf

from estimators.excluded import EXCLUDED
from estimators.function import HardFunction
from estimators.laws import Law, Site
from estimators.parameters import Range, TakesParameters, as_constant
from estimators.sampled import check_laws, checked_samples, reason_by_law
from steeplechase.errors import Unsupported, UserError
from steeplechase.registry import Registry

expectation_registry = Registry("estimator", aliases=lambda page: page.aliases, excluded=EXCLUDED)


@dataclass(frozen=True, eq=False)
class Objective:
    """The objective of one site, all other draws being fixed.

    Attributes:
        losses: of what the site draws, [..., event], the values [...].
        mapped: whether several draws are asked for by one operation on all of them, or else one after another.
    """

    losses: Callable[[tf.Tensor], tf.Tensor]
    mapped: bool = True

    def __call__(self, drawn: tf.Tensor) -> tf.Tensor:
        """Its values [...] at what was drawn, [..., event]."""
        return self.losses(drawn)

    def each(self, drawn: tf.Tensor) -> tf.Tensor:
        """Its values [n, ...] at several draws, [n, ..., event], one evaluation each."""
        if self.mapped:
            return tf.vectorized_map(self.losses, drawn, fallback_to_while_loop=False)
        return tf.stack([self.losses(one) for one in tf.unstack(drawn)])


@dataclass(frozen=True, eq=False)
class Expectation(TakesParameters):
    """A rule that estimates the gradient of an expected objective from values of the objective.

    It acts at one site at a time, the other draws being fixed or drawn from the same streams, and its objective has a
    value for each draw: a loss for each example (Task.losses).

    Attributes:
        name: by which it is asked for: that of the rule.
        label: how it is printed, in figures as well.
        rule: rule(site, f): the estimate of ∂ E f / ∂ logits, of the shape of the logits; and the parameters by
            keyword, with defaults. `site` is a Site and `f` an Objective. It may take `samples`, a whole number of
            draws; and `memory`, what it remembers, by name, and then returns (estimate, memory).
        source: where the formula is from.
        over: the laws that it is for (estimators.laws), by name.
        unbiased: whether its mean is the true gradient of any objective, up to `factor`.
        factor: what it multiplies the true gradient by in the mean, a number or a function of `samples`.
        evaluations: how often it asks for the objective, a number or a function of (samples, how many states there
            are).
        most: by law, how many states of a site there may be; a law without an entry: any number.
        smooth: whether it asks for the objective and its derivative at means, between hard values.
        samples: how many draws it asks for; None: it takes no `samples`.
        memory: of the shape of one draw, the shape of each thing that it remembers, by name, from zero on. None: it
            remembers nothing.
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
    unbiased: bool = True
    factor: float | Callable[[int], float] = 1.0
    evaluations: int | Callable[[int, int], int] = 1
    most: Mapping[str, int] = field(default_factory=dict)
    smooth: bool = False
    samples: int | None = None
    memory: Callable[[tuple[int, ...]], Mapping[str, tuple[int, ...]]] | None = None
    aliases: tuple[str, ...] = ()
    ships: Mapping[str, str] = field(default_factory=dict)
    needs: Mapping[str, Range] = field(default_factory=dict)
    agree: tuple[Callable, str] | None = None

    @property
    def kind(self) -> str:
        """What kind of estimator it is, in a word."""
        return "expectation"

    def unsupported_reason(self, function: HardFunction) -> str | None:
        """Why it cannot stand at a site of this hard function: a sentence, or None where it can."""
        return reason_by_law(self.name, self.over, function)

    def asks(self, law: Law, event: tuple[int, ...]) -> int:
        """How often it asks for the objective at a site.

        Args:
            law: of what is drawn there.
            event: the shape of one draw.

        Returns:
            Evaluations, the first draw's included.

        Raises:
            Unsupported: for more states than it can have.
        """
        states = law.states(event)
        if states > self.most.get(law.name, states):
            most = self.most[law.name]
            raise Unsupported(
                f"{self.name} sums over all states of a site, and here there are {states:,}, but {most:,} are the most."
            )
        return self.evaluations if isinstance(self.evaluations, int) else self.evaluations(self.samples or 1, states)

    @property
    def scale(self) -> float:
        """What it multiplies the true gradient by in the mean, with the samples that it asks for."""
        return self.factor(self.samples or 1) if callable(self.factor) else self.factor

    def memory_of(self, site: Site) -> dict[str, tf.Tensor]:
        """What it remembers of a site before it is first asked: zeros, by name; empty where it remembers nothing."""
        shapes = self.memory(site.law.event(site.logits.shape)) if self.memory else {}
        return {name: tf.zeros(shape, site.logits.dtype) for name, shape in shapes.items()}

    def estimate(
        self, site: Site, objective: Objective, memory: Mapping[str, tf.Tensor] | None = None, **parameters
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """An estimate of the gradient of the expected objective by the logits, the sum over all of its values.

        Args:
            site: whose logits they are.
            objective: of that site.
            memory: what it remembers of the site; None: nothing yet.
            **parameters: one number each. Those not given have the page's defaults.

        Returns:
            (the estimate, of the shape of the logits; what it remembers then).

        Raises:
            UserError: for a parameter that is unknown or refused, and for an estimate of another shape.
            Unsupported: as `asks`.
        """
        self.check(**parameters)
        self.asks(site.law, site.law.event(site.logits.shape))
        dtype = site.logits.dtype
        values = {k: as_constant(v, dtype) for k, v in {**self.parameters, **parameters}.items()}
        values |= {"samples": self.samples} if self.samples is not None else {}
        if self.memory is None:
            found, then = self.rule(site, objective, **values), {}
        else:
            found, then = self.rule(site, objective, memory=dict(memory or self.memory_of(site)), **values)
        if found.shape != site.logits.shape or found.dtype != dtype:
            raise UserError(
                f"{self.name} returned {found.dtype.name} {found.shape} for logits of {dtype.name} {site.logits.shape}."
            )
        return found, then

    def with_samples(self, samples: int | None) -> Expectation:
        """The same page that asks for so many draws.

        Args:
            samples: how many; None: as many as by default.

        Returns:
            A page of the same name.

        Raises:
            UserError: for a page that takes no `samples`, and for a number outside `needs`.
        """
        return self if samples is None else replace(self, samples=checked_samples(self, self.samples, samples))


def expectation(**traits) -> Callable:
    """Registers an expectation estimator under the function's name.

    Args:
        **traits: the fields of `Expectation`, but `name` and `rule`.

    Returns:
        The decorator of a rule. It gives the rule as it is, and raises UserError where the name is taken, or for a law
        that there is not.
    """

    def register(rule):
        page = Expectation(name=rule.__name__, rule=rule, **traits)
        check_laws(page.name, page.over)
        expectation_registry.register(page.name, page)
        return rule

    return register
