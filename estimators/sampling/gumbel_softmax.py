"""The Gumbel-softmax, or concrete, relaxation: nothing is hard while training."""

from estimators.parameters import positive
from estimators.sampled import sampled


@sampled(
    label="Gumbel-softmax",
    source="Jang, Gu, Poole 2017, arXiv:1611.01144; Maddison, Mnih, Teh 2017, arXiv:1611.00712",
    over=("bernoulli", "categorical"),
    exact_to=0,
    soft=lambda site, temperature: site.law.mean((site.logits + site.noise) / temperature),
    ships={"PyTorch": "gumbel_softmax(hard=False), tau=1", "TensorFlow Probability": "RelaxedBernoulli"},
    aliases=("concrete", "binary_concrete", "gumbel_sigmoid"),
    needs={"temperature": positive},
)
def gumbel_softmax(site, drawn, upstream, *, temperature=1.0):
    """A soft draw goes forward, and its own derivative backward.

    Replaces  b, by y, the mean at (φ + noise)/temperature
    With      J(y)/temperature
    Needs     temperature > 0

    It is the gradient of another objective, that of y; the network is judged with hard values all the same.
    """
    return site.law.pull(site.law.mean((site.logits + site.noise) / temperature), upstream) / temperature
