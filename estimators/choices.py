"""What an argmax hands down: the gradients of relaxations that choose several elements of the last axis at once."""

import tensorflow as tf

FARTHEST = {4: 80.0, 8: 600.0}  # of exponents, by the bytes of a number: what is finite, sums included


def softmax_pull(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    """The gradient of softmax(x).

    Args:
        x: [..., choices].
        upstream: the same shape.

    Returns:
        p·(G − Σ p·G), of that shape.
    """
    p = tf.nn.softmax(x)
    return p * (upstream - tf.reduce_sum(p * upstream, -1, keepdims=True))


def sparsemax_pull(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    """The gradient of sparsemax(x), the nearest point to x on the simplex (Martins, Astudillo 2016, arXiv:1602.02068).

    Args:
        x: [..., choices].
        upstream: the same shape.

    Returns:
        G less its mean over what has a share, and 0 elsewhere, of that shape.
    """
    sort = tf.sort(x, -1, "DESCENDING")
    count = tf.cast(tf.range(1, x.shape[-1] + 1), x.dtype)
    above = (tf.cumsum(sort, -1) - 1) / count
    return _among(tf.cast(x > _last(above, sort > above), x.dtype), upstream)


def entmax15_pull(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    """The gradient of the 1.5-entmax of x (Peters, Niculae, Martins 2019, arXiv:1905.05702): p = (x/2 − τ)², where that
    is above 0, with τ such that p adds up to 1.

    Args:
        x: [..., choices].
        upstream: the same shape.

    Returns:
        √p·(G − Σ √p·G / Σ √p), of that shape.
    """
    half = x / 2
    sort = tf.sort(half, -1, "DESCENDING")
    count = tf.cast(tf.range(1, x.shape[-1] + 1), x.dtype)
    mean = tf.cumsum(sort, -1) / count
    spread = count * (tf.cumsum(tf.square(sort), -1) / count - tf.square(mean))
    above = mean - tf.sqrt(tf.maximum((1 - spread) / count, 0))
    return _among(tf.maximum(half - _last(above, above <= sort), 0), upstream)


def lapsum_pull(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    """The gradient of p = F(x − b), F the distribution function of Laplace's law, with b such that p adds up to 1
    (Struski et al. 2025, arXiv:2503.06242).

    Args:
        x: [..., choices], two or more.
        upstream: the same shape.

    Returns:
        f·(G − Σ f·G / Σ f) with the density f(x − b), of that shape.
    """
    given, wide = x.dtype, tf.float64 if x.dtype == tf.float64 else tf.float32
    x = tf.cast(x, wide)  # sums of exponentials are large
    x = x - tf.reduce_max(x, -1, keepdims=True)
    sort = tf.sort(x, -1, "DESCENDING")
    z = sort[..., None, :] - sort[..., None]
    total = tf.reduce_sum(0.5 - tf.sign(z) * tf.math.expm1(-tf.abs(z)) / 2, -1)  # of p, were b at each of them
    above = tf.reduce_sum(tf.cast(total <= 1, tf.int32), -1, keepdims=True)  # how many are above b
    # With m of them above, w = exp(b) solves −½·A·w² + (m − 1)·w + ½·B = 0, A = Σ exp(−x) of these, B = Σ exp(x) of the
    # others. Those below are far enough not to be asked for A: where they were, it is not taken.
    m = tf.cast(tf.range(1, x.shape[-1] + 1), x.dtype)
    upper, all_of = tf.cumsum(tf.exp(tf.minimum(-sort, FARTHEST[x.dtype.size])), -1), tf.exp(sort)
    lower = tf.cumsum(all_of, -1, exclusive=True, reverse=True)
    some = tf.math.log((m - 1 + tf.sqrt(tf.square(m - 1) + upper * lower)) / upper)
    none = tf.math.log(tf.reduce_sum(all_of, -1, keepdims=True) / 2)
    chosen = tf.one_hot(above[..., 0] - 1, x.shape[-1], dtype=x.dtype)
    b = tf.where(above > 0, tf.reduce_sum(tf.where(chosen > 0, some, tf.zeros_like(some)), -1, keepdims=True), none)
    return _among(tf.cast(tf.exp(-tf.abs(x - b)) / 2, given), upstream)


def _last(values, holds):
    """Of values the last for which it holds, where it holds for the first of them: [..., 1]."""
    count = tf.reduce_sum(tf.cast(holds, tf.int32), -1)
    return tf.reduce_sum(values * tf.one_hot(count - 1, values.shape[-1], dtype=values.dtype), -1, keepdims=True)


def _among(weights, upstream):
    """Weights times what is above their mean of the gradients: it adds up to zero. NaN stays."""
    mean = tf.reduce_sum(weights * upstream, -1, keepdims=True) / tf.reduce_sum(weights, -1, keepdims=True)
    return weights * (upstream - mean)
