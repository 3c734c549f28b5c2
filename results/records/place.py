"""Where the store lies unless a command says otherwise. It is said here once, in a module that imports nothing."""

DEFAULT = "results"  # in the folder that the command is started in
