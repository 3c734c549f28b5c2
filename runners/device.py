"""Which device class a run is for, decided without TensorFlow wherever that is possible."""

from __future__ import annotations

import os
from pathlib import Path

from runners.mistake import Mistake

_DRIVERS = (Path("/proc/driver/nvidia/gpus"), Path("/dev/nvidia0"), Path("/dev/kfd"), Path("/dev/dxg"))


def find(asked: str) -> str:
    """`cpu` or `gpu`, for `auto`, `cpu` or `gpu`. Raises Mistake for a GPU that is not there."""
    if asked not in ("auto", "cpu", "gpu"):
        raise Mistake(f"device is {asked!r}, but must be one of: auto, cpu, gpu.")
    if asked == "cpu":
        return "cpu"
    if any(path.exists() for path in _DRIVERS):  # only where there is a driver is it worth waiting for TensorFlow
        from runners import quiet

        if quiet.start_tensorflow("gpu") is None:
            return "gpu"
    if asked == "gpu":
        raise Mistake(
            "device is gpu, but this machine has none that TensorFlow can use; use device=cpu or device=auto."
        )
    return "cpu"


def share(place: int) -> str | None:
    """Which GPU the launcher's process number `place` (from 0) is given, as CUDA_VISIBLE_DEVICES has it.

    Processes take the GPUs that this one may use in turn. None where there are not several.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        found = _DRIVERS[0]
        gpus = [str(i) for i in range(len(list(found.iterdir())))] if found.is_dir() else []
    else:
        gpus = [word.strip() for word in allowed.split(",") if word.strip() not in ("", "-1")]
    return gpus[place % len(gpus)] if len(gpus) > 1 else None
