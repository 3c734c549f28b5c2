"""The figures by name: those in this folder, those in files that a command names, and how one of them is drawn.

columns: 1 or 2, how many columns of a page the figure spans. What draw says of rows and columns of panels is so over
two; in one the panels stand as `place` has them. A figure that takes the results alone is the same over both.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import json
import os
import pkgutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from steeplechase.errors import RecordError

if TYPE_CHECKING:  # commands that draw nothing name figures, too
    from matplotlib.figure import Figure

    from results.records.result_set import ResultSet

FILES = "STEEPLECHASE_FIGURES"  # in the environment: the files that a command named, by the figures' names
RENAMED = {"contrasts": "surrogates", "flow": "gradient_flow"}  # what plans and frozen tables of before ask for


def listed() -> list[str]:
    """The names of the figures in this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def named_files() -> dict[str, Path]:
    """The figures in files that the command named: where each lies, by its name."""
    return {name: Path(path) for name, path in json.loads(os.environ.get(FILES) or "{}").items()}


def names() -> list[str]:
    """Of all figures."""
    return sorted([*listed(), *named_files()])


def load(names: Iterable[str]) -> None:
    """Imports what draws figures, which takes a second or two, ahead of the first one.

    Args:
        names: of figures; one in a file of its own, and one that there is not, is left for later.
    """
    for name in names:
        own = RENAMED.get(name, name)
        if own in listed():
            importlib.import_module(f"results.figures.{own}")


def drawn(name: str, results: ResultSet, columns: int = 2, journal: str | None = None) -> Figure:
    """The figure of this name.

    Args:
        name: of `names`, or one that a figure had before (RENAMED).
        results: of which it is drawn; of their labels what the fonts lack is replaced.
        columns: 1 or 2, of a page.
        journal: of style.JOURNALS, for whose page it is; None: for none.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: where there is none, where its module has no `draw` or one that returns none, and whatever drawing
            it raises.
    """
    from matplotlib.figure import Figure  # here: commands that draw nothing name figures, too

    from results.analysis import labels
    from results.drawing import style

    if name not in names() and name not in RENAMED:
        raise RecordError(f"there is no figure '{name}' here; one in a file of its own needs figure.file=PATH")
    name = RENAMED.get(name, name)
    path = named_files().get(name)
    module = _loaded(path) if path else importlib.import_module(f"results.figures.{name}")
    place = path.name if path else f"results/figures/{name}.py"
    draw = getattr(module, "draw", None)
    if not callable(draw):
        raise RecordError(f"{place} has no function draw(results)")
    told = {"columns": columns} if "columns" in inspect.signature(draw).parameters else {}
    with style.printed_in(journal):
        with style.context(columns):
            results = labels.relabelled(results, style.drawable)
        figure = draw(results, **told)
    if not isinstance(figure, Figure):
        raise RecordError(f"draw in {place} returns {type(figure).__name__}, and no figure")
    return figure


@functools.cache
def _loaded(path: Path) -> ModuleType:
    """A file as a module, as Python itself loads it: registered, for dataclasses, and with its folder importable."""
    name = f"steeplechase_figure_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader, path
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
