"""The account of a part: what is said of how its rows came to be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from estimators.surrogate import Surrogate
from results.records import declared
from results.records.account import Account
from runners.execution import provenance
from runners.planning import identity
from runners.planning.identity import PlannedRun
from runners.training.hard_sites import is_control
from runners.training.programs import Program
from tasks.base import Task


@dataclass(frozen=True)
class Clocks:
    """Where the time of a part went.

    Attributes:
        compile_s: seconds of compiling.
        train_s: seconds of training, or of calls.
        judge_s: seconds of judging.
        began: when: ISO 8601, UTC.
        seconds_per_step: of each chunk.
        sharing: how many blocks were at work at a time.
    """

    compile_s: float
    train_s: float
    judge_s: float
    began: str
    seconds_per_step: Sequence[float]
    sharing: int = 1


class Accounts:
    """Writes the accounts of a run's parts.

    It asks what claims stand before anything is trained: what stands only afterwards was found there.
    """

    def __init__(self, planned: PlannedRun, task: Task, program: Program, slopes: Mapping[str, str]):
        self._planned, self._task, self._program, self._slopes = planned, task, program, dict(slopes)
        self._surroundings = provenance.surroundings(planned.run.program["device"])
        self._claims = declared.standing()

    def account(self, ids: Sequence[str], clocks: Clocks, block: int) -> dict[str, Any]:
        """What is recorded of a part beside its rows.

        Args:
            ids: of its replicas.
            clocks: where the time went.
            block: how many replicas one compiled call trained.

        Returns:
            The keys of results.records.account.Account.
        """
        planned, task, program, surroundings = self._planned, self._task, self._program, self._surroundings
        page = program.hard.activations
        speed = provenance.rates(
            list(clocks.seconds_per_step), len(ids), task.batch, task.flops, surroundings["matrix_product_flops"]
        )
        account = {
            **surroundings,
            "tf32": program.tf32,
            **speed,
            "run": planned.name,
            "fingerprint": planned.fingerprint,
            "sources": planned.covers,
            "configuration": identity.configuration(planned.run),
            "replicas": list(ids),
            "labels": {
                "task": task.label,
                "estimator": program.hard.label(task.spreads),
                "optimizer": planned.run.program["optimizer"]["name"],
                "family": page.family if isinstance(page, Surrogate) else page.kind,
            },
            "claims": self._claims,
            "control": is_control(page),
            "bound": program.hard.bound(task.spreads),
            "slopes": self._slopes,
            "outside_spread": page.outside_spread if isinstance(page, Surrogate) else "it has no slope",
            "measures": {name: measure.described() for name, measure in task.measures.items()},
            "selects": task.selects,
            "reports": task.reports,
            "target": list(task.target),
            "can_fail": task.can_fail,
            "draw": task.draw.described(),
            "optimum": task.optimum,
            "parameters": sum(math.prod(shape) for shape in task.sizes.values()),
            "flops_per_step": task.flops,
            "block": block,
            "lanes": clocks.sharing,
            "compile_s": clocks.compile_s,
            "train_s": clocks.train_s,
            "judge_s": clocks.judge_s,
            "peak_memory_bytes": provenance.peak_memory_bytes(),
            "states": "",
            "started": clocks.began,
            "ended": provenance.now(),
        }
        return vars(Account(**account))  # which refuses a key that nobody knows, and one that is left out
