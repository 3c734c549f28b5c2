"""REINFORCE: the score of what was drawn, times how good it was."""

from estimators.expectation import expectation


@expectation(
    label="REINFORCE",
    source="Williams 1992, doi:10.1007/BF00992696",
    over=("bernoulli", "categorical"),
    aliases=("score_function", "likelihood_ratio"),
)
def reinforce(site, f, *, baseline=0.0):
    """The score function times the objective, less a number that is the same for every draw.

    Estimates  ∂ E f(b) / ∂ φ
    By         (f(b) − baseline) · (b − E b)

    Unbiased for every baseline that does not depend on the draw.
    """
    drawn = site.draw()
    return site.law.times(f(drawn) - baseline, site.score(drawn))
