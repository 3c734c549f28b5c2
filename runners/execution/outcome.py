"""What became of a run, as the process that trains it hands it back."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What became of a run. `error` is empty where all its replicas are recorded."""

    run: str
    names: tuple[str, str, str]
    planned: int
    recorded: int = 0  # replicas that were recorded before
    trained: int = 0
    resumed: int = 0  # replicas that went on from a saved state
    diverged: int = 0
    seconds: float = 0.0
    compile_s: float = 0.0
    train_s: float = 0.0
    judge_s: float = 0.0
    memory_bytes: int = 0
    error: str = ""
    unsupported: str = ""  # why there can be no such run
    remarks: list[str] = field(default_factory=list)
