"""What became of a run, as the process that trains it hands it back."""

from __future__ import annotations

from dataclasses import dataclass, field

from results.records import locks
from results.records.store import Store


@dataclass
class Outcome:
    """What became of a run.

    Attributes:
        run: its name.
        names: of the task, the estimator and the optimizer.
        planned: how many replicas it has.
        recorded: replicas that were recorded before.
        trained: replicas that are recorded now.
        resumed: of these, replicas that went on from a saved state.
        diverged: of these, replicas that diverged.
        seconds: that the run took.
        compile_s: seconds of compiling, in this process alone.
        train_s: seconds of training, in this process alone.
        judge_s: seconds of judging, in this process alone.
        memory_bytes: the largest resident size of the process.
        error: why not all is recorded; empty where all its replicas are.
        unsupported: why there can be no such run.
        held: which other process trains it, so that nothing of it was trained here; "" where none does.
        queued: the job of a cluster that trains it, or is going to; "" where it is not left to one.
        remarks: what may not be meant so, a sentence each.
    """

    run: str
    names: tuple[str, str, str]
    planned: int
    recorded: int = 0
    trained: int = 0
    resumed: int = 0
    diverged: int = 0
    seconds: float = 0.0
    compile_s: float = 0.0
    train_s: float = 0.0
    judge_s: float = 0.0
    memory_bytes: int = 0
    error: str = ""
    unsupported: str = ""
    held: str = ""
    queued: str = ""
    remarks: list[str] = field(default_factory=list)

    def record_unsupported(self, reason: str, store: Store, fingerprint: str, lock: locks.Lock) -> None:
        """Records that there can be no such run.

        Args:
            reason: why, a sentence.
            store: that keeps it.
            fingerprint: of the run.
            lock: on the run, which must still be this process's.

        Raises:
            LostLock: where it is not.
            StoreError: where it cannot be written.
        """
        self.unsupported = reason
        lock.require()
        store.write_unsupported(self.run, fingerprint, reason)

    def spend(self, compile_s: float, train_s: float, judge_s: float) -> None:
        """Adds to the three clocks of this process.

        Args:
            compile_s: seconds of compiling.
            train_s: seconds of training.
            judge_s: seconds of judging.
        """
        self.compile_s += compile_s
        self.train_s += train_s
        self.judge_s += judge_s
