"""What is known of each Keras optimizer, as plain data, which a plan reads without Keras."""

from __future__ import annotations

from dataclasses import dataclass

from steeplechase.errors import UserError, did_you_mean


@dataclass(frozen=True)
class OptimizerTraits:
    """How an optimizer is used, as test_optimizers.py and test_trainer.py in tests/runners/training/ hold it.

    Attributes:
        latent_weights: whether hard weights have real-valued ones behind them, which it updates; without, it flips the
            hard weights themselves.
        per_replica: its arguments that may have one value for each replica: those that are tensors in its update.
        mixes: why rows of stacked variables would not stay apart; "" where it works element by element.
    """

    latent_weights: bool = True
    per_replica: tuple[str, ...] = ()
    mixes: str = ""


TRAITS = {
    "Adadelta": OptimizerTraits(),
    "Adafactor": OptimizerTraits(mixes="it factors the second moment over rows and columns"),
    "Adagrad": OptimizerTraits(),
    "Adam": OptimizerTraits(per_replica=("beta_1", "beta_2", "epsilon")),
    "AdamW": OptimizerTraits(per_replica=("beta_1", "beta_2", "epsilon", "weight_decay")),
    "Adamax": OptimizerTraits(),
    "Bop": OptimizerTraits(latent_weights=False, per_replica=("adaptivity", "threshold")),
    "Ftrl": OptimizerTraits(),
    "Lamb": OptimizerTraits(mixes="it scales each tensor by its norm"),
    "Lion": OptimizerTraits(per_replica=("beta_1", "beta_2")),
    "LossScaleOptimizer": OptimizerTraits(mixes="it skips a step for all when one gradient overflows"),
    "Muon": OptimizerTraits(mixes="it orthogonalises each matrix"),
    "Nadam": OptimizerTraits(),
    "RMSprop": OptimizerTraits(per_replica=("rho", "epsilon")),
    "SGD": OptimizerTraits(),
}


def traits(keras_name: object) -> OptimizerTraits:
    """The traits of the optimizer with this Keras class name; of one that nobody tested those that allow the least."""
    return TRAITS.get(str(keras_name), OptimizerTraits())


def check_class(keras_name: object) -> None:
    """Refuses a Keras class of which nobody has seen that replicas stay apart in it.

    Raises:
        UserError: with the reason where they would mix, else with the nearest of those that were tested.
    """
    mixes, tested = traits(keras_name).mixes, [name for name, known in TRAITS.items() if not known.mixes]
    if mixes:
        raise UserError(f"optimizer {keras_name} is not element-wise, and replicas would mix: {mixes}.")
    if keras_name not in tested:
        hint = did_you_mean(str(keras_name), tested)
        raise UserError(f"optimizer.keras is '{keras_name}'{hint} Tested to be element-wise: {', '.join(tested)}.")
