"""What stood here stands in modules of its own now; the old names answer for one release."""

from estimators import function, parameters, surrogate
from estimators.excluded import EXCLUDED
from steeplechase import renamed
from steeplechase.errors import Unsupported, UserError

__getattr__ = renamed.answering(
    __name__,
    surrogate=("steeplechase.surrogate", surrogate.surrogate),
    Surrogate=("steeplechase.Surrogate", surrogate.Surrogate),
    book=("estimators.registry", surrogate.registry),
    Range=("steeplechase.Range", parameters.Range),
    positive=("steeplechase.positive", parameters.positive),
    not_negative=("steeplechase.not_negative", parameters.not_negative),
    value=("estimators.function.value", function.value),
    EstimatorError=("steeplechase.UserError", UserError),
    Declined=("steeplechase.Unsupported", Unsupported),
    LEFT_OUT=("estimators.excluded.EXCLUDED", EXCLUDED),
)
del function, parameters, surrogate
