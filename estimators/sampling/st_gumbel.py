"""Straight-through Gumbel: hard going forward, going backward the same draw made soft."""

from estimators.parameters import positive
from estimators.sampled import sampled


@sampled(
    label="ST Gumbel",
    source="Jang, Gu, Poole 2017, arXiv:1611.01144; Maddison, Mnih, Teh 2017, arXiv:1611.00712",
    over=("bernoulli", "categorical"),
    ships={"PyTorch": "gumbel_softmax(hard=True), tau=1"},
    aliases=("st_gumbel_softmax", "st_gumbel_sigmoid", "decoupled_st_gumbel"),
    needs={"temperature": positive},
)
def st_gumbel(site, drawn, upstream, *, temperature=1.0):
    """The derivative of the relaxed draw, whose noise is that of the hard one.

    Replaces  ∂ b / ∂ φ
    With      J(y)/temperature, y the mean at (φ + noise)/temperature
    Needs     temperature > 0

    A hard draw does not depend on a temperature of its own, so that decoupling the two (Shah et al. 2024,
    arXiv:2410.13331) is this with the backward one.
    """
    return site.law.pull(site.law.mean((site.logits + site.noise) / temperature), upstream) / temperature
