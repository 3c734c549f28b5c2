"""The estimators for drawn values as Markdown: their formulas, what is promised of their means, what they ask for."""

from __future__ import annotations

from collections.abc import Iterator

import estimators
from estimators.expectation import Expectation
from estimators.sampled import Sampled
from runners.docs.estimators_markdown import plain

HEADINGS = {
    "Act where a value is drawn": "One evaluation of the loss, at any depth; what comes down may depend on the draw.",
    "Ask the objective": "One site after another, all other draws as they are; the losses have to be those of single "
    "examples (`Task.losses`).",
}


def overview() -> tuple[list[str], list[list[str]]]:
    """A table of all of them.

    Returns:
        (its head, its rows), cells of Markdown.
    """
    head = ["Name", "Label", "Draws", "Mean", "Evaluations", "Parameters"]
    return head, [_row(estimator) for estimator in _drawn_estimators()]


def sections() -> list[str]:
    """A section for each, under a heading for each kind.

    Returns:
        Lines of Markdown.
    """
    lines: list[str] = []
    for (heading, text), kind in zip(HEADINGS.items(), (Sampled, Expectation), strict=True):
        lines += [f"## {heading}", "", text, ""]
        for estimator in _drawn_estimators():
            if isinstance(estimator, kind):
                lines += [*_section(estimator), ""]
    return lines


def _drawn_estimators() -> Iterator[Sampled | Expectation]:
    for registry in (estimators.sampled_registry, estimators.expectation_registry):
        yield from (registry[name] for name in sorted(registry))


def _row(estimator: Sampled | Expectation) -> list[str]:
    asks = _asks(estimator) if isinstance(estimator, Expectation) else "1"
    numbers = {**estimator.parameters, **({"samples": estimator.samples} if estimator.samples is not None else {})}
    listed = ", ".join(f"`{name}` = {value:g}" for name, value in numbers.items())
    return [
        f"[{estimator.name}](#{estimator.name})",
        plain(estimator.label),
        ", ".join(estimator.over),
        _mean(estimator),
        asks,
        listed or "–",
    ]


def _asks(estimator: Expectation) -> str:
    if isinstance(estimator.evaluations, int):
        return str(estimator.evaluations)
    if estimator.most:
        return "all states"
    of_one = estimator.evaluations(1, 2)  # with one sample, of one bit
    if estimator.samples is None:
        return f"{of_one} for each bit"
    return "`samples`" if of_one == 1 else f"{of_one} × `samples`"


def _mean(estimator: Sampled | Expectation) -> str:
    if isinstance(estimator, Expectation):
        if not estimator.unbiased:
            return "another one"
        return "the gradient" if estimator.scale == 1 else "a multiple of it"
    return f"the gradient of polynomials up to degree {estimator.exact_to}" if estimator.exact_to else "another one"


def _section(estimator: Sampled | Expectation) -> list[str]:
    text = estimator.text
    formula = [f"{word:<11}{line}" for word in text.words for line in text.words[word]]
    facts = {
        "Also called": ", ".join(estimator.aliases),
        "In libraries": "; ".join(f"{library}: {what}" for library, what in estimator.ships.items()),
        "Source": estimator.source,
    }
    lines = [f"### {estimator.name}", "", f"**{plain(estimator.label)}.** {plain(text.summary)}", ""]
    lines += ["```text", *formula, "```", ""]
    for remark in text.remarks:
        lines += [plain(remark), ""]
    return lines + [f"* {fact}: {plain(said)}" for fact, said in facts.items() if said]
