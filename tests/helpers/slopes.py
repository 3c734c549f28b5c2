"""A slope of one's own, as its file has it."""

HEAD = "import tensorflow as tf\nfrom steeplechase import positive, surrogate\n\n"
PAGE = (
    HEAD
    + '''@surrogate(label="Cauchy", source="a thesis", area=2, peak=lambda width: 2 / (3.14159265358979 * width),
           counterpart=lambda x, width: 2 / 3.14159265358979 * tf.atan(x / width), needs={"width": positive})
def cauchy(x, *, width=1.0):
    """Replaces  d sign(x)/dx = 2 δ(x)
    With      2 / (π·width·(1 + (x/width)²))
    Needs     width > 0; x of any shape."""
    return 2 / (3.14159265358979 * width * (1 + tf.square(x / width)))
'''
)
