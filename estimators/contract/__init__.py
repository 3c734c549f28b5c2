"""The contract: what every estimator promises, and how it is held against the estimator."""
