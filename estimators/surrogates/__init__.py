"""The surrogates, one a file: its formula, its parameters, its traits."""
