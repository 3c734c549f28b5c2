"""The type checker that jaxtyping uses while tests run: beartype, to which an integer is a number like any other."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
