"""python -m runners.claims: what the README says of results, held against the frozen tables. No TensorFlow."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from results import claims
from results.records import declared, frozen
from runners import command
from runners.configuration.schema import CHECKOUT
from steeplechase.errors import RecordError

README = CHECKOUT / "README.md" if CHECKOUT else None  # an installed copy has no such page
BEGIN, END = "<!-- claims about {}: made by `python -m runners.claims --write` -->", "<!-- end of claims -->"


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 the README says what was found, 1 it does not, or a claim cannot be evaluated."""
    parser = command.Parser(prog="python -m runners.claims", description=__doc__)
    parser.add_argument("--claims", type=Path, default=declared.FILE, help="another file of claims")
    parser.add_argument("--frozen", type=Path, default=frozen.FOLDER, metavar="FOLDER", help="where the tables are")
    parser.add_argument("--readme", type=Path, default=README, help="the page that says them")
    parser.add_argument("--write", action="store_true", help="write them into the page, between its marks")
    options = parser.parse_args(arguments)
    if options.write and not options.readme:
        parser.error("--write needs --readme=FILE: this copy is installed, and has no README.")
    for key, path in (("--claims", options.claims), ("--readme", options.readme)):
        if path:
            command.regular(path, key)
    try:
        found = claims.evaluate(options.claims, options.frozen)
        page = options.readme.read_text(encoding="utf-8") if options.readme else ""
        wanted = replaced(page, found) if options.readme else ""
    except UnicodeDecodeError:
        command.say(f"{options.readme} is no text in UTF-8.")
        return 1
    except (RecordError, OSError) as error:
        command.say(error)
        return 1
    table = Table(box=SIMPLE, show_edge=False)
    for column in ("claim", "verdict", "evidence"):
        table.add_column(column, overflow="fold")
    for claim in found:
        table.add_row(escape(claim.text), claim.outcome, escape(claim.evidence))
    Console(width=None if sys.stdout.isatty() else 140).print(table)
    if options.write:
        options.readme.write_text(wanted, encoding="utf-8")
    elif wanted != page:
        command.say(f"{options.readme.name} says something else; `python -m runners.claims --write` mends it.")
        return 1
    return 0


def replaced(readme: str, lines: list[claims.Claim]) -> str:
    """The page with the claims about each table between its marks.

    Args:
        readme: the page as it is.
        lines: the claims, in the order in which they are written.

    Returns:
        The page with nothing else changed.

    Raises:
        RecordError: where marks are missing.
    """
    before, after = BEGIN.split("{}")
    marks = re.compile(rf"{re.escape(before)}(\w+){re.escape(after)}.*?{re.escape(END)}", re.DOTALL)
    missing = {claim.table for claim in lines} - {mark[1] for mark in marks.finditer(readme)}
    if missing or readme.count(before) != len(marks.findall(readme)):
        words = BEGIN.format(min(missing, default="TABLE"))
        raise RecordError(f"the page has no lines “{words}” and “{END}” for the claims to stand between.")

    def between(mark: re.Match) -> str:
        body = "\n".join(claims.lines(claim for claim in lines if claim.table == mark[1]))
        return f"{BEGIN.format(mark[1])}\n\n{body}\n\n{END}"

    return marks.sub(between, readme)


if __name__ == "__main__":
    command.run(main)
