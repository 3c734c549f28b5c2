"""The page of the tasks: a section for each, in its own words, and what its frozen races could have shown."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import tasks
from runners.docs import tasks_markdown


@pytest.fixture(scope="module")
def lines():
    return tasks_markdown.sections()


def test_each_task_has_a_section_with_its_words_and_facts(lines):
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == [*tasks.registry]
    text = "\n".join(lines)
    assert "arXiv:1602.02830" in text, "a docstring's source"
    assert "    ⅛·(v·J v − 2 v·T v* + v*·J v*)" in lines, "a formula stays as it is"
    assert not any("Args:" in line or "Returns:" in line for line in lines)
    assert "* Hard functions: `argmax`. A seed draws an instance." in lines
    assert "* Trainings were never seen to miss the target for good." in lines
    assert any(line.startswith("* Cost: 18 parameters, ") for line in lines), "the router's"


def test_power_is_what_simulated_races_find():
    """Of the difference that is named 80 % of 4,000 simulated races find it, at this correction."""
    found = tasks_markdown.powers("quantized_mlp")
    assert {"quantized", "quantized_4"} <= {*found}
    difference, draws, unit = found["quantized"]
    rows = pd.read_csv(tasks_markdown.FROZEN / "quantized/verdicts.csv")
    rows = rows[rows["task"] == "quantized_mlp"]
    spread = ((rows["high"] - rows["low"]) / 2 / stats.t.ppf(0.975, 63)).median() * math.sqrt(64)
    family = int(rows["family"].iloc[0])
    draw = np.random.Generator(np.random.PCG64(0)).normal(difference, spread, [4000, 64])
    share = (stats.ttest_1samp(draw, 0, axis=1).pvalue < 0.05 / family).mean()
    # Of 4,000 the share's standard error is 0.006; that of the median contrast is not that of its spread by a little.
    assert draws == 64 and unit == "share" and share == pytest.approx(0.8, abs=0.03)
    assert tasks_markdown.powers("oscillation") == {}
