"""A fresh, observed interpreter: what each page's slope is there, whose code ran for it, and what planted pages read.

Started by tests/runners/planning/test_observing.py, twice, with the folder of the planted pages; prints JSON.
"""

import json
import sys
from pathlib import Path

from runners.planning import observing
from steeplechase.errors import UserError

observing.start()

from runners.training import setup  # noqa: E402

setup.start_tensorflow("cpu")

import tensorflow as tf  # noqa: E402
import yaml  # noqa: E402

import estimators  # noqa: E402
from estimators.contract import numerics  # noqa: E402
from estimators.step_size import LSQ  # noqa: E402
from runners.configuration import estimator_files, schema  # noqa: E402
from runners.execution import loading, training_run  # noqa: E402
from runners.planning import estimator_sources, identity  # noqa: E402
from runners.training import programs, step  # noqa: E402
from runners.training.gradient import gradient  # noqa: E402
from steeplechase.random import Chance, key  # noqa: E402
from tests.helpers.configurations import changed  # noqa: E402

QUANTIZED, ROUND = (
    yaml.safe_load((schema.CONF / page).read_text(encoding="utf-8"))
    for page in ("task/quantized_mlp.yaml", "function/round.yaml")
)


def once(wanted):
    """One gradient of the run that is wanted, as its training would ask for it."""
    described = json.dumps(dict(wanted.run.program), sort_keys=True)
    task, program = programs.build(described, 1)
    stream = Chance(key(0))
    page = program.hard.activations
    numbers = {"activations": page.parameters, "weights": program.hard.weights.parameters, "normalize": "none"}
    hard, own = program.hard.operation(numbers, stream), tf.constant(key(0))
    problem = step.problem(task, own, tf.constant(0))
    places = step.batch_indices(task, own, tf.constant(0), problem)
    batch = step.batch_of([tf.constant(array) for array in task.examples], places)
    gradient(task, step.start(task, True, own, problem), batch, hard, stream, problem)


def used(name):
    """What a run through this page used that its identity does not cover, in one sentence, or ""; and the pages whose
    code ran."""
    loading.register(name)
    values = {"name": name, **estimators.registry[name].parameters}
    task = {"task__dim": 2, "task__rows": 2}
    if estimators.registry[name].step_size is not LSQ:  # a rule for steps is for tasks that learn them
        task = {"task": QUANTIZED | {"hidden": [3], "batch": 4}, "function": ROUND}
    wanted = identity.identify(changed(estimator=values, **task))
    observing.begin()
    once(wanted)
    beyond = training_run.used_beyond(wanted)
    pages_ran = (path for path in observing.ran() if path.parent.name == "surrogates")
    ran = sorted(path.name for path in pages_ran if path.stem not in ("base", "excluded"))
    return beyond, ran


def slope(name):
    return observing.digest(numerics.over_grid(estimators.registry[name]).tobytes())


def told(name):
    try:
        return used(name)[0]
    except UserError as mistake:
        return str(mistake)


planted = sorted(Path(sys.argv[1]).glob("page_*.py"))
estimator_files.name_files([f"estimator.file={','.join(map(str, planted))}"])
answer = {"slopes": {}, "used": {}, "planted": {}, "reads": {}}
for name in list(estimators.registry):
    answer["slopes"][name] = slope(name)
    answer["used"][name] = used(name)
for name in estimator_files.files():
    answer["planted"][name] = told(name)
    if answer["planted"][name] == "":
        answer["slopes"][name] = slope(name)
    try:
        answer["reads"][name] = estimator_sources.reads.observed(name)
    except UserError as mistake:
        answer["reads"][name] = str(mistake)
answer["started"] = schema.CONF.name, tf.__version__
print(json.dumps(answer))
