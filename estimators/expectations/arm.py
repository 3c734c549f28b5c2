"""ARM: two evaluations at draws of one uniform number and of its mirror."""

from estimators.expectation import expectation


@expectation(
    label="ARM",
    source="Yin and Zhou 2019, arXiv:1807.11143",
    over=("bernoulli",),
    evaluations=2,
)
def arm(site, f):
    """The difference of the objective at two draws that mirror each other, times how far from ½ the number was.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(1[u > σ(−φ)]) − f(1[u < σ(φ)])) · (u − ½), u uniform
    """
    other = site.law.decide(site.logits - site.noise)
    return site.law.times(f(site.draw()) - f(other), site.uniform() - 0.5)
