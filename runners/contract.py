"""python -m runners.contract: holds an estimator's page to what every page promises, yours as well as the book's."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from runners import command
from runners.configuration import choices, estimator_files


@command.one_sentence
def main(arguments: list[str] | None = None) -> int:
    """The command. Exit codes: 0 every promise is kept, 1 one is broken, 2 a mistake in the command or in the file."""
    parser = command.Parser(prog="python -m runners.contract", description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help="a file with a page, or a name; none: the whole book")
    asked = parser.parse_intermixed_args(arguments).pages
    asked = [part for page in asked for part in page.removeprefix("estimator.file=").split(",")]
    files = [page for page in asked if page.endswith(".py")]
    estimator_files.name_files([f"estimator.file={','.join(files)}"] * bool(files))
    names = [*estimator_files.files(), *(page for page in asked if page not in files)]
    for name in names:
        choices.defaults_of("estimator", name)  # a name that is none is answered here, in no time
    from runners.training import setup

    setup.start_tensorflow("cpu")
    import estimators
    from runners.execution import loading

    for name in names:
        loading.register(name)

    console = Console(highlight=False, soft_wrap=True)
    broken = [name for name in names or list(estimators.registry) if not _passes(console, name, verbose=bool(asked))]
    if broken:
        command.say(f"the contract is broken by {', '.join(broken)}.")
    return 1 if broken else 0


def _passes(console: Console, name: str, verbose: bool) -> bool:
    """Prints what the page promises and how it is kept; the kept ones only where it is asked for."""
    import estimators
    from runners.execution import contract

    page, found = estimators.registry[name], []
    with console.status(f"{name} ..."):
        found = list(contract.check(page))
    written = estimator_files.find(name)
    faults = [promise for promise in found if promise.fault and not (promise.form and written)]
    console.print(
        f"{escape(page.label)} ({name}{f', {written.place}' if written else ''}): "
        f"{len(found) - len(faults)} of {len(found)} promises are kept."
    )
    for promise in found:
        if promise.fault:
            console.print(f"  [red]broken[/] {promise.words}" if promise in faults else f"  remark {promise.words}")
            console.print(f"         {promise.fault}", markup=False)
        elif verbose:
            console.print(f"  kept   {promise.words}")
    return not faults


if __name__ == "__main__":
    command.run(main)
