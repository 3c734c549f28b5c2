"""The expectation estimators, one a file: what is asked of the objective, its parameters, its traits."""
