"""Convergence over evaluations of the objective: what estimators that ask several times have reached at equal cost."""

from __future__ import annotations

from matplotlib.figure import Figure

from results.figures import convergence
from results.records.result_set import ResultSet


def draw(results: ResultSet, columns: int = 2) -> Figure:
    """As convergence, but an update counts as often as its estimator asks for the objective of an example.

    Args:
        results: what it is drawn of.
        columns: 1 or 2, of a page.

    Returns:
        The figure, not yet saved.

    Raises:
        RecordError: for incomplete results.
    """
    return convergence.draw_over(results, columns, "evaluations")
