"""What each task's arguments may be, as far as they tell it without data: known without TensorFlow, so a plan says it.

A page calls the function of its own name first; `tasks.base.check` calls it for whoever has not loaded the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from steeplechase.errors import Unsupported, UserError
from tasks.ranges import at_least, finite, one_of


def binarized_mlp(
    *,
    hidden: Sequence[int],
    loss: str,
    init_scale: float,
    batch: int,
    validation: float,
    test: float,
    reference: int,
    split_seed: int | None,
    subsets: int | None = None,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        hidden: widths of the hidden layers, each at least 1.
        loss: `cross_entropy` or `squared_hinge`.
        init_scale: a number above 0.
        batch: examples of a step, at least 1.
        validation: share of the examples, above 0 and below 1.
        test: share of the examples, from 0, for a set with a test part of its own, and below 1.
        reference: training examples that give the statistics for judging, at least 1.
        split_seed: None, or a whole number of at least 0.
        subsets: None, or a whole number of at least 2, where split_seed is None.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    draws = _labelled(hidden, batch, validation, test, reference, split_seed, subsets)
    one_of("cross_entropy", "squared_hinge", loss=loss)
    finite(0, init_scale=init_scale)
    return draws


def binarized_convnet(
    *,
    colours: int,
    channels: Sequence[int],
    pools: int,
    loss: str,
    batch: int,
    validation: float,
    test: float,
    reference: int,
    split_seed: int | None,
    subsets: int | None,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        colours: numbers of a place, at least 1.
        channels: filters of the layers, each at least 1, in at least one layer.
        pools: from 0 to the number of layers.
        loss: `cross_entropy` or `squared_hinge`.
        batch: examples of a step, at least 1.
        validation: as in binarized_mlp.
        test: as in binarized_mlp.
        reference: as in binarized_mlp.
        split_seed: as in binarized_mlp.
        subsets: as in binarized_mlp.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    draws = _labelled((), batch, validation, test, reference, split_seed, subsets)
    at_least(1, colours=colours, **{f"channels[{i}]": width for i, width in enumerate(channels)})
    at_least(0, pools=pools)
    one_of("cross_entropy", "squared_hinge", loss=loss)
    if not channels:
        raise UserError("task.channels is [], but there must be at least one layer.")
    if pools > len(channels):
        raise UserError(f"task.pools is {pools}, but there are {len(channels)} layers to halve what they see.")
    return draws


def bernoulli_toy(*, dim: int, target: float, start: float, spread: float, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        dim: coordinates, at least 1.
        target: above 0 and below 1, and not one half.
        start: a finite number.
        spread: a finite number of at least 0.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, dim=dim)
    finite(start=start)
    finite(None, 0, spread=spread)
    if not 0 < target < 1 or target == 0.5:
        raise UserError(f"task.target is {target}, but must be above 0, below 1, and not 0.5: no bit is better there.")
    return 1


def polynomial_programming(
    *, variables: int, choices: int, power: float, target: float, batch: int, start: float, **_
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        variables: at least 1.
        choices: at least 2.
        power: a finite number of at least 1.
        target: from 0 to 1.
        batch: at least 1.
        start: a finite number of at least 0.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, variables=variables, batch=batch)
    at_least(2, choices=choices)
    finite(None, 1, power=power)
    finite(None, 0, start=start)
    if not 0 <= target <= 1:
        raise UserError(f"task.target is {target}, but must be from 0 to 1.")
    return 1


def ising(*, spins: int, couplings: str, batch: int, start: float, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        spins: 2 to 16.
        couplings: `gaussian` or `cut`.
        batch: at least 1.
        start: a finite number of at least 0.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(2, spins=spins)
    at_least(1, batch=batch)
    one_of("gaussian", "cut", couplings=couplings)
    finite(None, 0, start=start)
    if spins > 16:
        raise UserError(f"task.spins is {spins}, but all 2^spins states are tried: at most 16.")
    return None


def parity(*, bits: int, hidden: int, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        bits: 2 to 12.
        hidden: at least as many as bits.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(2, bits=bits)
    if bits > 12:
        raise UserError(f"task.bits is {bits}, but all 2^bits inputs are tried: at most 12.")
    at_least(1, hidden=hidden)
    if hidden < bits:
        raise UserError(f"task.hidden is {hidden}, but {bits} bits need as many units for every answer to be right.")
    return 1


def stochastic_mlp(
    *,
    hidden: Sequence[int],
    batch: int,
    validation: float,
    test: float,
    split_seed: int | None,
    subsets: int | None = None,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        hidden: widths of the hidden layers, each at least 1; at least one.
        batch: as of binarized_mlp; so are the next four.
        validation: a share.
        test: a share.
        split_seed: of the split.
        subsets: that the examples are parted into.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    if not hidden:
        raise UserError("task.hidden is [], but without a hidden layer nothing is drawn.")
    return _labelled(hidden, batch, validation, test, 1, split_seed, subsets)


def structured_prediction(
    *,
    hidden: int,
    batch: int,
    draws: int,
    judge_seed: int,
    validation: float,
    test: float,
    split_seed: int | None,
    subsets: int | None = None,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        hidden: at least 1.
        batch: as of binarized_mlp; so are those from validation on.
        draws: at least 1.
        judge_seed: at least 0.
        validation: a share.
        test: a share.
        split_seed: of the split.
        subsets: that the examples are parted into.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, hidden=hidden, draws=draws)
    at_least(0, judge_seed=judge_seed)
    return _labelled((), batch, validation, test, 1, split_seed, subsets)


def categorical_vae(
    *,
    variables: int,
    categories: int,
    hidden: int,
    batch: int,
    draws: int,
    judge_seed: int,
    validation: float,
    test: float,
    split_seed: int | None,
    subsets: int | None = None,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        variables: at least 1.
        categories: at least 2.
        hidden: at least 1.
        batch: as of binarized_mlp; so are those from validation on.
        draws: at least 1.
        judge_seed: at least 0.
        validation: a share.
        test: a share.
        split_seed: of the split.
        subsets: that the examples are parted into.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, variables=variables, hidden=hidden, draws=draws)
    at_least(2, categories=categories)
    at_least(0, judge_seed=judge_seed)
    return _labelled((), batch, validation, test, 1, split_seed, subsets)


MOST_ANSWERS = 2**12  # whose rewards are summed over


def bandit(*, tokens: int, words: int, rewarded: int, batch: int, start: float, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        tokens: at least 1.
        words: at least 2.
        rewarded: at least 1, and fewer than the answers that there are.
        batch: at least 1.
        start: a finite number of at least 0.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, tokens=tokens, rewarded=rewarded, batch=batch)
    at_least(2, words=words)
    finite(None, 0, start=start)
    answers = words**tokens
    if answers > MOST_ANSWERS:
        raise UserError(
            f"{tokens} tokens of {words} words are {answers:,} answers, but at most {MOST_ANSWERS:,} are summed over: "
            "set task.tokens or task.words to a smaller number."
        )
    if rewarded >= answers:
        raise UserError(f"task.rewarded is {rewarded}, but there are {answers} answers, and not all may be rewarded.")
    return None


def quantized_mlp(
    *,
    hidden: Sequence[int],
    ends: str,
    per: str,
    batch: int,
    validation: float,
    test: float,
    reference: int,
    split_seed: int | None,
    subsets: int | None,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        hidden: widths of the hidden layers, each at least 1; with real ends there are two or more.
        ends: `quantized` or `real`.
        per: `tensor` or `channel`.
        batch: examples of a step, at least 1.
        validation: as in binarized_mlp.
        test: as in binarized_mlp.
        reference: as in binarized_mlp.
        split_seed: as in binarized_mlp.
        subsets: as in binarized_mlp.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    draws = _labelled(hidden, batch, validation, test, reference, split_seed, subsets)
    one_of("quantized", "real", ends=ends)
    one_of("tensor", "channel", per=per)
    if len(hidden) < (2 if ends == "real" else 1):
        least = "two hidden layers with task.ends=real, or no weight is rounded" if ends == "real" else "a hidden layer"
        raise UserError(f"task.hidden is {list(hidden)}, but there must be at least {least}.")
    return draws


def _labelled(hidden, batch, validation, test, reference, split_seed, subsets):
    """Refuses arguments that all networks on labelled examples have; how many draws they leave."""
    widths = {f"hidden[{i}]": width for i, width in enumerate(hidden)}
    at_least(1, batch=batch, reference=reference, **widths)
    if split_seed is not None:
        at_least(0, split_seed=split_seed)
    if subsets is not None:
        at_least(2, subsets=subsets)
        if split_seed is not None:
            raise UserError(
                f"task.split_seed is {split_seed} and task.subsets is {subsets}, but one split for all is no subset "
                "for each: set one of them to null."
            )
    for name, share, least in (("validation", validation, "above 0"), ("test", test, "from 0")):
        if not 0 <= share < 1 or (share == 0 and name == "validation"):  # a set may bring its own test part
            raise UserError(f"task.{name} is {share}, but must be a share of the examples, {least} and below 1.")
    return subsets if split_seed is None else 1


def oscillation(*, target: float, start: float, spread: float, dampening: float, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        target: a number above 0 and below 1.
        start: a finite number.
        spread: a finite number of at least 0.
        dampening: a finite number of at least 0.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    if not 0 < target < 1:
        raise UserError(f"task.target is {target}, but must lie between the levels 0 and 1.")
    finite(start=start)
    finite(None, 0, spread=spread, dampening=dampening)
    return 1


MOST_CHOICES = 2**18  # of all weights together, tried one by one where a problem is drawn: a megabyte a replica


def quantized_regression(
    *, dim: int, equations: int, correlation: float, size: float, noise: float, start: float, instance: str, **_
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        dim: weights, at least 2.
        equations: at least as many as weights.
        correlation: a number of at least 0.
        size: a number above 0.
        noise: a number of at least 0.
        start: a number above 0.
        instance: `drawn`, `easy`, `medium` or `hard`; those with a name have 8 weights and 24 equations.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(2, dim=dim)
    at_least(dim, equations=equations)
    finite(None, 0, correlation=correlation, noise=noise)
    finite(0, size=size, start=start)
    one_of("drawn", "easy", "medium", "hard", instance=instance)
    if instance != "drawn" and (dim, equations) != (8, 24):
        raise UserError(
            f"task.instance is {instance}, which has 8 weights and 24 equations, not {dim} and {equations}."
        )
    return None if instance == "drawn" else 1


def choices(levels: int, dim: int) -> None:
    """Refuses more choices of quantized weights than are tried one by one.

    Args:
        levels: values that a weight may have.
        dim: weights.

    Raises:
        Unsupported: with how many there are, and how many there may be.
    """
    if levels**dim > MOST_CHOICES:
        raise Unsupported(
            f"{dim} weights of {levels} levels each are {levels**dim:,} choices, but {MOST_CHOICES:,} are the most "
            "that are tried one by one: take fewer weights or fewer bits."
        )


def sign_fitting(
    *, dim: int, mixing: str, rows: int, target: float | None, instance_seed: int | None, **_
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        dim: coordinates, at least 1.
        mixing: `identity` or `gaussian`.
        rows: of the matrix, at least 1.
        target: 1 or −1 with the identity; None with a Gaussian matrix, where it follows from the drawn signs.
        instance_seed: None, or a whole number of at least 0.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, dim=dim, rows=rows)
    if instance_seed is not None:
        at_least(0, instance_seed=instance_seed)
    one_of("identity", "gaussian", mixing=mixing)
    if (mixing == "identity") == (target is None):
        needs = "1 or -1" if mixing == "identity" else "null, since b follows from the drawn signs"
        raise UserError(f"task.target is {target}, but mixing={mixing} needs {needs}.")
    if target not in (None, 1, -1):
        raise UserError(f"task.target is {target}, but a sign can only reach 1 or -1.")
    return None if mixing == "gaussian" and instance_seed is None else 1


MOST_WAYS = 2**14  # to send all tokens, tried one by one where a problem is drawn


def router(*, tokens: int, experts: int, balance: float, total: float, start: float, instance: str, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        tokens: at least 1.
        experts: at least 2.
        balance: a number of at least 0.
        total: a number of at least 0.
        start: a number above 0.
        instance: `drawn` or `sines`.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, tokens=tokens)
    at_least(2, experts=experts)
    finite(None, 0, balance=balance, total=total)
    finite(0, start=start)
    one_of("drawn", "sines", instance=instance)
    if experts**tokens > MOST_WAYS:
        raise UserError(
            f"{tokens} tokens to {experts} experts are {experts**tokens:,} ways, but at most {MOST_WAYS:,} are tried: "
            "set task.tokens or task.experts to a smaller number."
        )
    return None if instance == "drawn" else 1


def gates(*, circuit: str, bits: int, start: float, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        circuit: `parity` or `half_adder`.
        bits: 2 to 12.
        start: a number above 0.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    one_of("parity", "half_adder", circuit=circuit)
    at_least(2, bits=bits)
    if bits > 12:
        raise UserError(f"task.bits is {bits}, but all 2^bits inputs are tried: at most 12.")
    finite(0, start=start)
    return 1


def sorting(*, numbers: int, features: int, noise: float, examples: int, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        numbers: items of a list, at least 2.
        features: of an item, at least 1.
        noise: a number of at least 0.
        examples: lists of each part, at least 1.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(2, numbers=numbers)
    at_least(1, features=features, examples=examples)
    finite(None, 0, noise=noise)
    return None


MOST_SPIKES = 2**28  # places of the trains of one replica: a gigabyte


def spike_memorisation(
    *,
    hidden: int,
    examples: int,
    inputs: int,
    duration: int,
    rate: float,
    membrane: float,
    synapse: float,
    reset: str,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        hidden: neurons, at least 1.
        examples: at least 2.
        inputs: at least 1.
        duration: steps of time, at least 2.
        rate: above 0 and below 1.
        membrane: as in spiking_digits.
        synapse: as in spiking_digits.
        reset: as in spiking_digits.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, hidden=hidden, inputs=inputs)
    at_least(2, examples=examples, duration=duration)
    _neuron(membrane, synapse, reset)
    if not 0 < rate < 1:
        raise UserError(f"task.rate is {rate}, but must be a share of the steps, above 0 and below 1.")
    if examples * duration * inputs > MOST_SPIKES:
        raise UserError(
            f"task.duration is {duration}, but with {examples} examples of {inputs} inputs at most "
            f"{MOST_SPIKES // (examples * inputs)} steps can be held."
        )
    return None


def spiking_digits(
    *,
    hidden: int,
    duration: int,
    latency: float,
    threshold: float,
    window: float,
    inputs: int,
    units: int,
    membrane: float,
    synapse: float,
    reset: str,
    batch: int,
    validation: float,
    test: float,
    split_seed: int | None,
    subsets: int | None,
    **_,
) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        hidden: neurons, at least 1.
        duration: steps of time, at least 2.
        latency: a number above 0.
        threshold: above 0 and below 1.
        window: a number above 0.
        inputs: at least 1.
        units: at least as many as inputs.
        membrane: a number above 0.
        synapse: a number of at least 0.
        reset: `to_zero` or `subtract`.
        batch: examples of a step, at least 1.
        validation: as in binarized_mlp.
        test: as in binarized_mlp.
        split_seed: as in binarized_mlp.
        subsets: as in binarized_mlp.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(1, hidden=hidden)
    at_least(2, duration=duration)
    finite(0, latency=latency, window=window)
    at_least(1, inputs=inputs, units=units)
    if inputs > units:
        raise UserError(f"task.inputs is {inputs}, but task.units is {units}, and units are pooled to no more inputs.")
    if not 0 < threshold < 1:
        raise UserError(f"task.threshold is {threshold}, but must be a brightness above 0 and below 1.")
    _neuron(membrane, synapse, reset)
    draws = _labelled((), batch, validation, test, 1, split_seed, subsets)
    if batch * duration * hidden > MOST_SPIKES:
        raise UserError(
            f"task.duration is {duration}, but with a batch of {batch} and {hidden} neurons at most "
            f"{MOST_SPIKES // (batch * hidden)} steps can be held."
        )
    return draws


def _neuron(membrane, synapse, reset):
    """Refuses what makes no neuron."""
    finite(0, membrane=membrane)
    finite(None, 0, synapse=synapse)
    one_of("to_zero", "subtract", reset=reset)


def two_layer_gaussian(*, inputs: int, units: int, batch: int, **_) -> int | None:
    """Refuses arguments that make no such task; others than these are not looked at.

    Args:
        inputs: at least 2.
        units: at least 1.
        batch: at least 1.

    Returns:
        How many draws there are (tasks.base.check).

    Raises:
        UserError: with the argument, its value and what is allowed.
    """
    at_least(2, inputs=inputs)
    at_least(1, units=units, batch=batch)
    return None
