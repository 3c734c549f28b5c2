"""The clipped straight-through slope times the mean size of its column: of weights in its source, of both here."""

import tensorflow as tf
from jaxtyping import Float

from estimators.parameters import positive
from estimators.surrogate import surrogate


@surrogate(
    label="Magnitude-aware sign",
    family="rectangle",
    source="Liu, Wu, Luo, Yang, Liu, Cheng, ECCV 2018, arXiv:1808.00278 (Bi-Real Net; there clip = 1)",
    aliases=("MagnitudeAwareSign",),
    ships={"Larq": "MagnitudeAwareSign(clip_value=1.0)"},
    sites=("weights",),
    even=True,
    positive=True,
    area=None,
    peak=None,
    support=lambda clip: clip,
    corners=lambda clip: (-clip, clip),
    elementwise=False,
    needs={"clip": positive},
    roles={"clip": "width"},
)
def mag_aware(x: Float[tf.Tensor, "*shape"], *, clip=1.0) -> Float[tf.Tensor, "*shape"]:
    r"""ste_clipped, as high as the elements of the same column are large on average.

    Replaces  d sign(x)/dx = 2 δ(x)
    With      mean|x| where |x| ≤ clip, else 0; the mean is over all axes but the last, and a constant
    Needs     clip > 0

    Its source has it for weights alone, where the mean is that of the weights of one output, and approx_sign for the
    activations. A race of surrogates puts it at both: at activations the mean is over the batch, of one unit, which no
    source proposes. The source's pairing is `estimator=approx_sign estimator@estimator_weights=mag_aware`.

    With fewer than two axes the mean is over all elements. The slope has no area and no peak of its own, because it
    depends on the whole tensor.

    The forward pass stays ±1 here. In Bi-Real Net and in Larq the mean multiplies the forward weights as well, which
    batch norm takes out again. Larq's slope has the factor, as this one; Bi-Real Net's own code leaves it out of the
    gradient, and so is ste_clipped.

    Slower than ste, at 0.75 of its training speed (784-256-256-10, two cores): the mean takes a second pass.

    x: any shape; returns the same shape and dtype.
    """
    # In float16 the sum of a large kernel overflows, and in either short type it loses the small summands. The cap
    # keeps the mean finite where an element is infinite.
    wide = tf.float64 if x.dtype == tf.float64 else tf.float32
    size = tf.minimum(tf.abs(tf.cast(x, wide)), 1e30)
    axes = list(range(x.shape.rank - 1)) if x.shape.rank > 1 else None
    mean = tf.minimum(tf.reduce_mean(size, axes, keepdims=True), float(x.dtype.max))
    return tf.cast(mean, x.dtype) * tf.cast(tf.abs(x) <= clip, x.dtype)
