"""What is recorded, missing, stale or cannot be: identity, sources, devices. No TensorFlow."""
