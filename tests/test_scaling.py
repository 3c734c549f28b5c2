"""How cost grows: fit, figure, and that what keeps a large sweep cheap changes nothing of it. No time is asserted."""

import math
import shutil

import numpy as np
import pytest
from omegaconf import OmegaConf, open_dict

from runners.configuration import composition, schema
from runners.planning import sources
from tests.perf import figures, growth, scaling, sweep_of

X = [1, 4, 16, 64, 256, 1024]


def rounds(law, count=5, noise=0.02):
    draw = np.random.default_rng(0)
    return [[law(x) * math.exp(draw.normal(0, noise)) for x in X] for _ in range(count)]


# The fit


@pytest.mark.parametrize(("power", "fine"), [(0.0, True), (1.0, True), (1.5, False), (2.0, False)])
def test_a_planted_power_is_found(power, fine):
    found = growth.describe(X, rounds(lambda x: 3e-3 * x**power))
    assert found["exponent_low"] <= power <= found["exponent_high"]
    assert found["exponent_high"] - found["exponent_low"] < 0.1
    assert found["linear"] is fine
    assert found["constant"] == pytest.approx(3e-3 * 1024 ** (power - 1), rel=0.05)
    for low, middle, high in zip(*(found[key] for key in ("low", "seconds", "high")), strict=True):
        assert low < middle < high


def test_a_fixed_cost_hides_nothing_that_grows():
    """Over all sizes it would look less than linear."""
    assert growth.exponent(X, rounds(lambda x: 1 + 1e-3 * x**2))[1] > 1
    assert growth.upper_half(X) == [3, 4, 5]
    assert growth.upper_half([1, 10, 100, 1000]) == [2, 3]


def test_a_drift_of_the_machine_from_round_to_round_changes_no_exponent():
    steady = rounds(lambda x: 1e-3 * x, noise=0)
    drifted = [[seconds * 2**i for seconds in one] for i, one in enumerate(steady)]
    assert growth.exponent(X, drifted) == pytest.approx((1, 1, 1))


def test_who_is_worse_is_named():
    series = [{"name": name, **growth.describe(X, rounds(lambda x, p=p: x**p))} for name, p in (("a", 1), ("b", 1.3))]
    assert growth.worse(series) == ["b"]


# Table and figure


@pytest.fixture(scope="module")
def whole():
    """What a measurement comes to, from made-up seconds."""
    series = [
        {"name": one.name, "label": one.label, "unit": one.unit, "compile_s": 0.0}
        | growth.describe(X, rounds(lambda x, p=power: 1e-3 * x**p))
        for one, power in zip(scaling.SERIES.values(), (1, 0.9, 1.2, 1) * 3, strict=False)
    ]
    here = {"cpu": "A processor", "cores": 2, "gpu": None, "date": "2026-11-25", "load": 0.0, "others": 0.0}
    return {"machine": here, "data": "8,000 made-up images", "rounds": 5, "series": series}


def test_the_figure_has_a_panel_for_each_series(whole):
    figure = figures.scaling(whole)
    shown = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left").split("\n")[0] for axes in shown] == [one["label"] for one in whole["series"]]
    assert all(axes.get_xscale() == axes.get_yscale() == "log" for axes in shown)
    for axes in shown:  # the dashed line has slope 1
        x, y = (np.log(values) for values in axes.lines[0].get_data())
        assert np.polyfit(x, y, 1)[0] == pytest.approx(1)
    figure.draw_without_rendering()
    with pytest.raises(ValueError, match="nothing was measured"):
        figures.scaling(whole | {"series": []})


def test_the_table_names_what_is_worse(whole, capsys):
    scaling.show(whole)
    lines = capsys.readouterr().out.splitlines()
    worse = [scaling.SERIES[name].label for name in growth.worse(whole["series"])]
    found = [line for line in lines if "WORSE" in line]
    assert worse and len(found) == len(worse) and all(map(str.__contains__, found, worse))


def test_seconds_are_said_in_the_unit_that_suits_them():
    assert [figures.seconds(s) for s in (12.345, 0.0123, 4.5e-5, 2e-9)] == ["12.3 s", "12.3 ms", "45 µs", "2 ns"]


def test_a_gpu_is_not_asked_for_what_uses_none(capsys):
    assert scaling.parse_options(["--device", "gpu"]).only == ["scalars", "networks", "widths", "steps"]
    with pytest.raises(SystemExit):
        scaling.parse_options(["--device", "gpu", "--only", "drawing"])
    with pytest.raises(SystemExit):
        scaling.parse_options(["--rounds", "1"])
    assert "at least 2" in capsys.readouterr().err


# A large sweep is composed and planned as each of its runs would be alone

LINES = {
    "default": [],
    "control": ["experiment=control"],
    "surrogates": ["experiment=surrogates", "estimator=ste,reste,tanh_slope", "optimizer=adam,momentum"],
    "notebook": ["experiment=notebook"],
    "throughput": ["experiment=throughput"],
    "none": ["~experiment", "task=sign_fitting,binarized_mlp", "steps=7", "block=null", "figures=[]"],
    "instances": sweep_of.arguments(10, "somewhere") + ["task.instance_seed=0,1,2"],
    "widths": ["task=binarized_mlp", "task.hidden=[8],[8,4]", "optimizer=sgd,adam", "seed=range(3)"],
    "weights": ["estimator@estimator_weights=ste,tanh_slope", "estimator=ste,tanh_slope", "normalize=none,peak"],
    "schedule": ["estimator=tanh_slope", "estimator.scale={from: 1, to: 5, shape: log}", "optimizer=adam"],
    "by name": [
        *("~experiment", "task=sign_fitting", "estimator=ste,tanh_slope", "optimizer=sgd,adam"),
        *("looks.ste={colour:'#c00000',marker:x,label:'Our STE'}", "looks.tanh_slope={order:1}"),
        *("looks.ste.order=-2", "margins={sign_fitting:0.5}"),
    ],
    "interpolated": ["~experiment", "record_points=${steps}", "task=sign_fitting,binarized_mlp", "optimizer=sgd,adam"],
}


def by_hydra(made, job):
    """A job's configuration as Hydra composes it, whole."""
    cfg = made.hydra_context.config_loader.load_sweep_config(made.config, list(job))
    with open_dict(cfg):
        cfg.pop("hydra")
    return OmegaConf.to_container(cfg, resolve=True)


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_job_is_composed_as_hydra_composes_it(line):
    with sweep_of.sweeper(line) as made:
        jobs = made.split(made.typed)
        some = jobs[:: max(1, len(jobs) // 6)]
        assert [made.compose(job) for job in some] == [by_hydra(made, job) for job in some]


def test_what_has_a_name_a_key_reaches_every_job_and_is_composed_once(monkeypatch):
    with sweep_of.sweeper(LINES["by name"]) as made:
        jobs, asked = made.split(made.typed), []
        whole = made.composer.compose_whole
        monkeypatch.setattr(made.composer, "compose_whole", lambda lines: asked.append(lines) or whole(lines))
        found = [made.compose(job) for job in jobs]
    ste = {"colour": "#c00000", "marker": "x", "label": "Our STE", "order": -2}
    assert [cfg["looks"] for cfg in found] == [{"ste": ste, "tanh_slope": {"order": 1}}] * 4
    assert [cfg["margins"] for cfg in found] == [{"sign_fitting": 0.5}] * 4 and len(asked) <= 1 + 4


def test_hydra_composes_each_page_once_and_not_each_job(monkeypatch):
    with sweep_of.sweeper(LINES["instances"]) as made:
        jobs, asked = made.split(made.typed), []
        whole = made.composer.compose_whole
        monkeypatch.setattr(made.composer, "compose_whole", lambda lines: asked.append(lines) or whole(lines))
        for job in jobs:
            made.compose(job)
    assert len(jobs) == 30 and len(asked) <= 1 + 5 + 2


def test_what_composing_was_asked_before_does_not_change_what_comes_after():
    with sweep_of.sweeper(["task=sign_fitting", "optimizer=adam", "estimator=ste"]) as made:
        [job] = made.split(made.typed)
        before = made.compose(job)
        made.compose([*job, "record_points=3", "optimizer.beta_1=0.5", "task.dim=5"])["optimizer"]["beta_1"] = 0.1
        assert made.compose(job) == before


# A page that also sets a key of its own choice.
ELSEWHERE = "# @package _global_\nfunction:\n  at_zero: -1\noptimizer:\n  name: odd\n"


@pytest.fixture(params=["looked at before", "only seen by what it does"])
def odd(request, tmp_path, monkeypatch):
    """conf/ with a page that reaches beyond its part, and whether its file is looked at."""
    conf = shutil.copytree(schema.CONF, tmp_path / "conf")
    (conf / "optimizer" / "odd.yaml").write_text(ELSEWHERE, encoding="utf-8")
    monkeypatch.setattr(schema, "CONF", conf)
    if request.param != "looked at before":
        monkeypatch.setattr(composition, "choices_stay_apart", lambda *_: True)


@pytest.mark.usefixtures("odd")
def test_a_page_that_reaches_beyond_its_part_is_left_to_hydra():
    line = ["~experiment", "task=sign_fitting", "estimator=ste"]
    with sweep_of.sweeper([*line, "optimizer=adam"]) as made:
        found = {name: made.compose([*line, f"optimizer={name}"]) for name in ("adam", "odd", "sgd")}
        assert found == {name: by_hydra(made, [*line, f"optimizer={name}"]) for name in found}
    assert [found[name]["function"]["at_zero"] for name in ("odd", "sgd")] == [-1, 1]


def test_pages_that_ask_for_others_are_left_to_hydra(tmp_path, monkeypatch):
    conf = shutil.copytree(schema.CONF, tmp_path / "conf")
    monkeypatch.setattr(schema, "CONF", conf)
    with sweep_of.sweeper(["~experiment"]) as made:
        assert made.composer.apart
    (conf / "optimizer" / "odd.yaml").write_text("defaults:\n  - adam\n", encoding="utf-8")
    with sweep_of.sweeper(["~experiment"]) as made:
        assert not made.composer.apart


def test_files_are_parsed_once_however_many_runs_are_planned(monkeypatch):
    """Runs that differ in a number share all their code, and it is hashed once."""
    parsed, whole = [], sources.parse
    monkeypatch.setattr(sources, "parse", lambda path: parsed.append(path) or whole(path))
    counts = []
    for instances in (2, 20):
        sources.forget()
        parsed.clear()
        line = [f"task.instance_seed={','.join(map(str, range(instances)))}", "task=sign_fitting", "estimator=ste"]
        wanted = sweep_of.plan([*line, "optimizer=adam", "device=cpu"])
        assert len({one.name for one in wanted}) == instances and len({one.fingerprint for one in wanted}) == 1
        counts.append(len(parsed))
    assert counts[0] == counts[1] > 10


def test_a_finished_sweep_made_from_one_run_is_recognised(tmp_path):
    from results.records.reading import load
    from results.records.store import Store

    line = [*sweep_of.arguments(10, tmp_path), "steps=40", "seed=0,1", "optimizer.learning_rate=0.01,0.1"]
    wanted = sweep_of.plan(line)
    sweep_of.finish(wanted, Store(tmp_path), *sweep_of.train(wanted[0]))
    store = Store(tmp_path)
    assert all(store.done(one.name, one.fingerprint, pytest.fail) == {*one.ids} for one in wanted)
    table = load(store).rows
    assert table["run"].nunique() == 10 and table["replica"].nunique() == 40
