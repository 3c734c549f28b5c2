"""What a page says of itself: the docstring of its rule, taken apart."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import NamedTuple

_BLOCK = re.compile(r"(Replaces|With|Estimates|By|Needs) {2,}|(Replaces|Estimates) ")  # how a paragraph of them begins
_WORD = re.compile(r"(?:^|(?<=  ))(Replaces|With|Estimates|By|Needs)\s+", re.MULTILINE)


class PageText(NamedTuple):
    """What a page's docstring says.

    Attributes:
        summary: its first paragraph.
        words: what stands behind Replaces and With, or Estimates and By, and Needs, line by line.
        remarks: its other paragraphs, but for that of shapes, which is the same of every page.
    """

    summary: str
    words: dict[str, list[str]]
    remarks: list[str]


def page_text(rule: Callable) -> PageText:
    """The docstring of a page's rule, taken apart.

    Args:
        rule: of a surrogate, documented as the contract wants it.

    Returns:
        Its parts; empty ones for what it lacks.
    """
    summary, remarks = "", []
    words: dict[str, list[str]] = {}
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.getdoc(rule) or "")):
        lines = [line.strip() for line in paragraph.split("\n")]
        _, *parts = _WORD.split(paragraph) if _BLOCK.match(paragraph) and not words else [""]
        if parts:
            for word, said in zip(parts[::2], parts[1::2], strict=True):
                words[word] = [line.strip() for line in said.strip().split("\n")]
        elif not number:
            summary = " ".join(lines)
        elif not lines[0].startswith("x: "):
            remarks.append(" ".join(lines))
    return PageText(summary, words, remarks)
