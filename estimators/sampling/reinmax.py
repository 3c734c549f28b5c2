"""ReinMax: straight-through of second order."""

from estimators.parameters import positive
from estimators.sampled import sampled


@sampled(
    label="ReinMax",
    source="Liu et al. 2023, arXiv:2304.08612; of bits, at temperature 1, Gregor et al. 2014, arXiv:1310.8499 (DARN)",
    over=("bernoulli", "categorical"),
    exact_to=2,
    aliases=("darn", "half_estimator", "zgr"),
    needs={"temperature": positive},
)
def reinmax(site, drawn, upstream, *, temperature=1.0):
    """Heun's rule along the line from what was drawn to the mean, in the place of Euler's.

    Replaces  ∂ b / ∂ φ
    With      2·J((b + m_t)/2) − ½·J(m), where J(q) is the Jacobian of what has the mean q, m the mean of b and m_t that
              at φ/temperature
    Needs     temperature > 0

    At temperature 1 its mean is the true gradient of every objective of degree two in the drawn values, and it is, of
    bits, (1 − p)/2 where b = 1 and p/2 where b = 0; and of choices half of straight-through and half of
    (b − m)·(G_b − m·G), the limit of gumbel_rao at temperature 0 (ZGR: Shekhovtsov 2023, Cold Analysis of
    Rao-Blackwellized Straight-Through Gumbel-Softmax).
    """
    middle = (drawn + site.law.mean(site.logits / temperature)) / 2
    return 2 * site.law.pull(middle, upstream) - site.law.pull(site.mean, upstream) / 2
