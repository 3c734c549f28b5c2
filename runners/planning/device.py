"""Which device class a run is for, decided without TensorFlow wherever that is possible."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path

from steeplechase.errors import UserError

KERNEL_DRIVER = Path("/proc/driver/nvidia/version")
CPU_INFO = Path("/proc/cpuinfo")
# The instructions by which processors compute differently: of x86, and of ARM.
_INSTRUCTIONS = re.compile(r"sse4_2|avx\w*|fma|amx_\w+|f16c|asimd\w*|sve\w*|bf16|i8mm|fphp")
_STACK = re.compile(r"nvidia-.*|(cuda|cudnn) of TensorFlow|driver")
_DRIVERS = (Path("/proc/driver/nvidia/gpus"), Path("/dev/nvidia0"), Path("/dev/kfd"), Path("/dev/dxg"))


def find(asked: str) -> str:
    """The device class of a run.

    Args:
        asked: `auto`, `cpu` or `gpu`.

    Returns:
        `cpu` or `gpu`. TensorFlow is started only where there is a driver.

    Raises:
        UserError: for another word, and for a GPU that is not there.
    """
    if asked not in ("auto", "cpu", "gpu"):
        raise UserError(f"device is {asked!r}, but must be one of: auto, cpu, gpu.")
    if asked == "cpu":
        return "cpu"
    if any(path.exists() for path in _DRIVERS):  # only where there is a driver is it worth waiting for TensorFlow
        from runners.training import setup

        if setup.start_tensorflow("gpu") is None:
            return "gpu"
    if asked == "gpu":
        raise UserError(
            "device is gpu, but this machine has none that TensorFlow can use; use device=cpu or device=auto."
        )
    return "cpu"


def share(place: int) -> str | None:
    """Which GPU a process of the launcher is given. They take the GPUs that this one may use in turn.

    Args:
        place: the process's number, from 0.

    Returns:
        As CUDA_VISIBLE_DEVICES has it; None where there are not several.
    """
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is None:
        found = _DRIVERS[0]
        gpus = [str(i) for i in range(len(list(found.iterdir())))] if found.is_dir() else []
    else:
        gpus = [word.strip() for word in allowed.split(",") if word.strip() not in ("", "-1")]
    return gpus[place % len(gpus)] if len(gpus) > 1 else None


def instructions() -> str:
    """The processor's instruction set, as far as numbers may depend on it: its words, sorted; "" where unknown."""
    try:
        lines = CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    words = next((line.partition(":")[2].split() for line in lines if line.lower().startswith(("flags", "feat"))), [])
    return " ".join(sorted(word for word in set(words) if _INSTRUCTIONS.fullmatch(word)))


def recorded_stack(covers: Mapping[str, str]) -> dict[str, str]:
    """What of a fingerprint's parts `stack` has given."""
    return {name: value for name, value in covers.items() if _STACK.fullmatch(name)}


@functools.cache
def stack(device: str) -> dict[str, str]:
    """What computes beside Python's packages.

    Args:
        device: `cpu` or `gpu`.

    Returns:
        By name: on a GPU the libraries of CUDA and cuDNN that are installed as packages, those that TensorFlow was
        built for, and the driver; nothing on a CPU.
    """
    if device != "gpu":
        return {}
    found = {}
    for package in importlib.metadata.distributions():
        name = (package.metadata["Name"] or "").lower()
        if name.startswith("nvidia-"):
            found[name] = package.version
    import tensorflow as tf  # which `find` has started where there is a GPU

    build = tf.sysconfig.get_build_info()
    for name in ("cuda", "cudnn"):
        found[f"{name} of TensorFlow"] = str(build.get(f"{name}_version", "none"))
    if KERNEL_DRIVER.is_file():
        version = re.search(r"\d+\.\d+(\.\d+)?", KERNEL_DRIVER.read_text(encoding="utf-8", errors="replace"))
        found["driver"] = version[0] if version else "unknown"
    return found
