"""A SLURM of its own on the loopback interface, and a sweep through it."""
