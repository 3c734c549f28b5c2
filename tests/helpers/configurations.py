"""A configuration of a small run, as Hydra hands it over, and runs that differ from it in what a test names."""

import json

import yaml

from runners.configuration.resolution import resolve
from runners.configuration.run import Run
from runners.configuration.schema import CONF

BASE = {
    "task": yaml.safe_load((CONF / "task/sign_fitting.yaml").read_text(encoding="utf-8")),
    "estimator": {"name": "tanh_slope", "scale": 1.0},
    "estimator_weights": {},
    "optimizer": yaml.safe_load((CONF / "optimizer/adam.yaml").read_text(encoding="utf-8")),
    "seed": [0, 1],
    "seeds_per_draw": 1,
    "function": {"name": "sign", "at_zero": 1},
    "function_weights": {},
    "normalize": "none",
    "width": None,
    "decay": "cosine",
    "steps": 100,
    "record_points": 10,
    "gradient_flow": False,
    "precision": "float32",
    "device": "cpu",
    "block": None,
    "store": "results",
    "checkpoint": 10.0,
    "parallel_blocks": None,
    "reference": "",
    "margins": {},
    "looks": {},
    "bounds": [],
    "name": "",
    "compare": [],
    "fidelity": {
        "calls": 0,
        "at": [0.0, 0.1, 0.5, 1.0],
        "along": "enumeration",
        "truth": "enumeration",
        "truth_calls": 100_000,
        "smoothing": 0.3,
        "warm_up": 200,
        "delta": 0.01,
        "role": "estimate",
    },
    "settings": "",
    "untuned": False,
    "strict": False,
    "plan": False,
    "submit": "wait",
    "figures": [],
    "tables": [],
    "progress": "",
}


def changed(**changes) -> Run:
    """The run of `BASE` with these values in place of its own. `group__key`: of a key inside a group."""
    cfg = json.loads(json.dumps(BASE))
    for key, value in changes.items():
        group, _, name = key.partition("__")
        if name:
            cfg[group][name] = value
        else:
            cfg[group] = value
    return resolve(cfg, cfg["device"])


def pages(group):
    """The pages of a group of conf, by their names."""
    paths = (CONF / group).glob("*.yaml")
    return {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}
