"""The hard functions, one a file: its values, its parameters, its traits."""
