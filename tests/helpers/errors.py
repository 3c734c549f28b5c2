"""The sentence with which examples, or whatever else is called, refuse their arguments."""

import pytest

from steeplechase.errors import UserError
from tasks.data.sets import load


def refusal(*arguments, call=load):
    """What the error says, which is one sentence without a full stop."""
    with pytest.raises(UserError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message and not message.endswith(".")
    return message
