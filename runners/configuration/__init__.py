"""From words to typed runs: what may be set, what it means, and what was meant by a slip. No TensorFlow."""
