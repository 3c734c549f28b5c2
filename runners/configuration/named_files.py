"""The files of one's own that a command names, of all kinds at once: estimators, tasks and figures."""

from __future__ import annotations

from collections.abc import Sequence

from runners.configuration import estimator_files, figure_files, python_files, task_files


def name_files(arguments: Sequence[str]) -> list[str]:
    """Takes what names files out of a command's arguments, reads the files, and keeps them for this process and its
    children.

    Args:
        arguments: of the command.

    Returns:
        The other arguments.

    Raises:
        UserError: for a file that cannot be read, or that does not hold what it is named for.
    """
    return estimator_files.name_files(task_files.name_files(figure_files.name_files(arguments)))


def trained(whole: bool = False) -> list[str]:
    """The arguments that name the files again by which records are made: of estimators and tasks.

    Args:
        whole: by their paths, rather than by their base names, as records speak of them.

    Returns:
        None, one or two.
    """
    return [
        *python_files.as_argument(estimator_files.KEY, [page.path for page in estimator_files.files().values()], whole),
        *python_files.as_argument(task_files.KEY, [task.path for task in task_files.files().values()], whole),
    ]


def every() -> list[str]:
    """The arguments that name all files again, by their base names."""
    return [*trained(), *python_files.as_argument(figure_files.KEY, figure_files.files().values())]
