"""python -m runners.claims: what README and docs/findings.md say of results, held against the frozen tables."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import claims, ledger
from results.records import declared, frozen, place
from runners import command
from runners.configuration import choices
from runners.configuration.schema import CHECKOUT
from runners.execution import confirmation
from steeplechase.errors import RecordError, did_you_mean

NAMES = ("README.md", "docs/findings.md", "docs/board.md")
PAGES = [CHECKOUT / name for name in NAMES] if CHECKOUT else []  # no installed copy has them
ALL = "all"  # the word in place of a table between whose marks the claims are counted
BEGIN, END = "<!-- claims about {}: made by `python -m runners.claims --write` -->", "<!-- end of claims -->"


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 the pages say what was found, 1 they do not, or a claim cannot be evaluated."""
    parser = command.Parser(prog="python -m runners.claims", description=__doc__)
    parser.add_argument("--claims", type=Path, default=declared.FILE, help="another file of claims")
    parser.add_argument("--frozen", type=Path, default=frozen.FOLDER, metavar="FOLDER", help="where the tables are")
    parser.add_argument(
        "--pages", type=Path, nargs="+", metavar="PAGE", help="which say them (the project's own: README and findings)"
    )
    parser.add_argument("--ledger", type=Path, help="the page of all claims (results/ledger.md of the project's own)")
    parser.add_argument(
        "--fresh", type=int, metavar="N", help="first train what stands on N draws that no record has, and freeze it"
    )
    parser.add_argument(
        "--store", type=Path, default=place.DEFAULT, help="whose draws are not fresh; keeps the new ones"
    )
    parser.add_argument("--write", action="store_true", help="write them into the pages")
    options = parser.parse_args(arguments)
    if options.pages is None:
        options.pages = PAGES if options.claims == declared.FILE else []
    if options.write and not options.pages:
        parser.error("--write needs --pages FILE: these claims have no page of their own.")
    if not options.ledger and CHECKOUT and options.claims == declared.FILE:
        options.ledger = CHECKOUT / "results" / "ledger.md"
    for key, paths in (("--claims", [options.claims]), ("--ledger", [options.ledger]), ("--pages", options.pages)):
        for path in filter(None, paths):
            command.regular(path, key)
    if options.fresh is not None and options.fresh < 2:
        parser.error(f"--fresh is {options.fresh}, but two draws are the fewest that anything can be said of")
    try:
        if options.fresh:
            confirmation.confirm(options.claims, options.frozen, options.store, options.fresh)
        found = claims.evaluate(options.claims, options.frozen)
        if options.claims == declared.FILE:
            _check_untested(found)
        pages = {path: _read(path) for path in options.pages}
        new = replaced(pages, found) if pages else {}
        if options.ledger:  # which is made where it is not there yet
            pages[options.ledger] = _read(options.ledger) if options.ledger.exists() else ""
    except (RecordError, OSError) as error:
        command.say(error)
        return 1
    table = Table(box=SIMPLE, show_edge=False)
    for column in ("claim", "verdict", "evidence"):
        table.add_column(column, overflow="fold")
    for claim in found:
        table.add_row(escape(claim.text), claim.outcome, escape(claim.evidence))
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    if options.ledger:
        new[options.ledger] = ledger.text(found)
    others = [path for path, page in new.items() if page != pages[path]]
    for path in others:
        if options.write:
            path.write_text(new[path], encoding="utf-8")
        else:
            command.say(f"{path.name} says something else; `python -m runners.claims --write` mends it.")
    return 0 if options.write or not others else 1


def _check_untested(evaluated: list[claims.Claim]) -> None:
    """Raises RecordError for a claim about a table that no experiment makes: it would be untested for ever."""
    known = choices.options("experiment")
    for claim in evaluated:
        # A plan's name is that of its experiment, and where the command changed it a hash behind a hyphen.
        if claim.verdict == claims.UNTESTED and claim.table.split("-")[0] not in known:
            raise RecordError(
                f"the claim “{claim.text}” is about the table {claim.table}, which is neither frozen nor made by an "
                f"experiment{did_you_mean(claim.table, known) or '.'}"
            )


def _read(path: Path) -> str:
    """The text of a page. Raises RecordError where it is no UTF-8, and OSError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise RecordError(f"{path} is no text in UTF-8.") from None


def replaced(documents: Mapping[Path, str], lines: list[claims.Claim]) -> dict[Path, str]:
    """Pages with the claims about each table between its marks, and their number between those of ALL. What is
    withdrawn stands in the ledger alone.

    Args:
        documents: the pages as they are.
        lines: the claims, in the order in which they are written.

    Returns:
        The pages with nothing else changed.

    Raises:
        RecordError: where marks are missing: each table has them in one page or more.
    """
    before, after = BEGIN.split("{}")
    marks = re.compile(rf"{re.escape(before)}(\w+){re.escape(after)}.*?{re.escape(END)}", re.DOTALL)
    said = [claim for claim in lines if claim.verdict != declared.WITHDRAWN]
    missing = {claim.table for claim in said} - {
        mark[1] for page in documents.values() for mark in marks.finditer(page)
    }
    if missing or any(page.count(before) != len(marks.findall(page)) for page in documents.values()):
        words = BEGIN.format(min(missing, default="TABLE"))
        raise RecordError(f"no page has lines “{words}” and “{END}” for the claims to stand between.")

    def between(mark: re.Match) -> str:
        if mark[1] == ALL:
            return f"{BEGIN.format(ALL)}\n\n{ledger.counted(lines)}\n\n{END}"
        body = "\n".join(claims.lines(claim for claim in said if claim.table == mark[1]))
        return f"{BEGIN.format(mark[1])}\n\n{body}\n\n{END}"

    return {path: marks.sub(between, page) for path, page in documents.items()}


if __name__ == "__main__":
    command.run(main)
