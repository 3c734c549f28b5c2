"""The figures by name: those in this folder, and how one of them is drawn.

columns: 1 or 2, how many columns of a page the figure spans. What draw says of rows and columns of panels is so over
two; in one the panels stand as `place` has them. A figure that takes the results alone is the same over both.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from matplotlib.figure import Figure

from results.records.result_set import ResultSet
from steeplechase.errors import RecordError

RENAMED = {"contrasts": "surrogates", "flow": "gradient_flow"}  # what plans and frozen tables of before ask for


def names() -> list[str]:
    """Of all figures."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


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
    from results.analysis import labels  # here: commands that draw nothing name figures, too
    from results.drawing import style

    if name not in names() and name not in RENAMED:
        raise RecordError(f"there is no figure '{name}' in results/figures")
    name = RENAMED.get(name, name)
    draw = getattr(importlib.import_module(f"results.figures.{name}"), "draw", None)
    if not callable(draw):
        raise RecordError(f"results/figures/{name}.py has no function draw(results)")
    with style.printed_in(journal):
        with style.context(columns):
            results = labels.relabelled(results, style.drawable)
        try:
            inspect.signature(draw).bind(results, columns)
        except TypeError:  # it takes the results alone, as the README has it
            figure = draw(results)
        else:
            figure = draw(results, columns)
    if not isinstance(figure, Figure):
        raise RecordError(f"draw in results/figures/{name}.py returns {type(figure).__name__}, and no figure")
    return figure
