"""TensorFlow, started without its noise and with the settings that records are made under."""

from __future__ import annotations

import os
import sys
import tempfile


def start_tensorflow(device: str) -> str | None:
    """Imports and sets up TensorFlow in this process.

    Determinism is on (it changes numbers, and is part of every record), TF32 is off, GPU memory grows as needed.

    Args:
        device: `cpu` or `gpu`.

    Returns:
        Why it cannot be used as asked, or None.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Some lines are printed by C++ before any log level is read, so the descriptor itself is turned away meanwhile.
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        try:
            import tensorflow as tf

            gpus = tf.config.list_physical_devices("GPU")
        except BaseException:
            noise.seek(0)
            os.write(kept, noise.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
    tf.get_logger().setLevel("ERROR")
    if device == "gpu" and not gpus:
        return "device is gpu, but TensorFlow sees none; install the extra 'gpu', or use device=cpu."
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.config.experimental.enable_op_determinism()
    return None
