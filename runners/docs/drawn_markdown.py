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
    return head, [_row(page) for page in _pages()]


def sections() -> list[str]:
    """A section for each, under a heading for each kind.

    Returns:
        Lines of Markdown.
    """
    lines: list[str] = []
    for (heading, text), kind in zip(HEADINGS.items(), (Sampled, Expectation), strict=True):
        lines += [f"## {heading}", "", text, ""]
        for page in _pages():
            if isinstance(page, kind):
                lines += [*_section(page), ""]
    return lines


def _pages() -> Iterator[Sampled | Expectation]:
    for registry in (estimators.sampled_registry, estimators.expectation_registry):
        yield from (registry[name] for name in sorted(registry))


def _row(page: Sampled | Expectation) -> list[str]:
    asks = "1"
    if isinstance(page, Expectation):
        asks = str(page.evaluations) if isinstance(page.evaluations, int) else "`samples`"
        asks = "all states" if page.most else asks
    numbers = {**page.parameters, **({"samples": page.samples} if page.samples is not None else {})}
    listed = ", ".join(f"`{name}` = {value:g}" for name, value in numbers.items())
    return [f"[{page.name}](#{page.name})", plain(page.label), ", ".join(page.over), _mean(page), asks, listed or "–"]


def _mean(page: Sampled | Expectation) -> str:
    if isinstance(page, Expectation):
        if not page.unbiased:
            return "another one"
        return "the gradient" if page.scale == 1 else "a multiple of it"
    return f"the gradient of polynomials up to degree {page.exact_to}" if page.exact_to else "another one"


def _section(page: Sampled | Expectation) -> list[str]:
    text = page.text
    formula = [f"{word:<11}{line}" for word in text.words for line in text.words[word]]
    facts = {
        "Also called": ", ".join(page.aliases),
        "In libraries": "; ".join(f"{library}: {what}" for library, what in page.ships.items()),
        "Source": page.source,
    }
    lines = [f"### {page.name}", "", f"**{plain(page.label)}.** {plain(text.summary)}", ""]
    lines += ["```text", *formula, "```", ""]
    for remark in text.remarks:
        lines += [plain(remark), ""]
    return lines + [f"* {fact}: {plain(said)}" for fact, said in facts.items() if said]
