"""The sampled estimators, one a file: what a draw hands down, its parameters, its traits."""
