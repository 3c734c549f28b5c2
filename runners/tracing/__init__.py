"""How gradients flow: through a chain of operations, or through one step of a task."""
