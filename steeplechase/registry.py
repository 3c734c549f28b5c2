"""Things by name: each name once, other names that the field has, names left out on purpose, and the nearest one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from steeplechase.errors import UnknownName, UserError, did_you_mean


class Registry(MutableMapping):
    """What was registered under a name, or is loaded when it is first asked for.

    Asking for a name that there is not raises UnknownName, whose sentence gives the name that it has here (an alias),
    why it was left out, or the nearest one.
    """

    def __init__(
        self,
        kind: str,
        *names: str,
        load: Callable[[str], Any] | None = None,
        aliases: Callable[[Any], Sequence[str]] = lambda entry: (),
        excluded: Mapping[str, str] | None = None,
    ):
        """An empty registry, or one of names that are loaded when they are asked for.

        Args:
            kind: what an entry is, in a sentence: "estimator".
            names: those that `load` answers.
            load: gives the entry of one of these names.
            aliases: the other names of an entry. Only of what is registered: nothing is loaded to ask for them.
            excluded: names that were left out, each with the reason.
        """
        self.kind, self.excluded = kind, dict(excluded or {})
        self._entries: dict[str, Any] = {}
        self._load, self._aliases = load or self._entries.__getitem__, aliases
        self._names = dict.fromkeys(names)

    def register(self, name: str, entry: Any) -> None:
        """Enters something under a name of its own.

        Args:
            name: how it will be asked for.
            entry: what is registered, of whatever type the registry's entries are.

        Raises:
            UserError: where the name is taken.
        """
        if name in self:
            raise UserError(f"there are two {self.kind}s named '{name}'.")
        self[name] = entry

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise UnknownName(unknown(self.kind, str(name), self.aliases(), self.excluded))
        return self._entries[name] if name in self._entries else self._load(name)

    def __setitem__(self, name: str, entry: Any) -> None:
        self._names[name] = None
        self._entries[name] = entry

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        self._entries.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def aliases(self) -> dict[str, Sequence[str]]:
        """Every name, with the other names of what it stands for."""
        return {name: self._aliases(self._entries[name]) if name in self._entries else () for name in self}


def unknown(kind: str, name: str, aliases: Mapping[str, Sequence[str]], excluded: Mapping[str, str]) -> str:
    """What is said of a name that is none.

    Args:
        kind: what it would name: "estimator".
        name: what was asked for.
        aliases: every name that there is, with the other names of what it stands for.
        excluded: names that were left out, each with the reason.

    Returns:
        One sentence: that of `other_name`, or one with the nearest name and all that are known.
    """
    other = other_name(kind, name, aliases, excluded)
    if other:
        return other
    called = {plain(one): own for own, others in aliases.items() for one in (own, *others)}
    hint = did_you_mean(plain(name), called)
    for near, own in called.items():
        hint = hint.replace(f"'{near}'", f"'{own}'")
    return f"there is no {kind} '{name}'{hint} Known are: {', '.join(sorted(aliases))}."


def other_name(kind: str, name: str, aliases: Mapping[str, Sequence[str]], excluded: Mapping[str, str]) -> str:
    """What is said of an alias, and of a name that was left out.

    Args:
        kind: what it would name: "estimator".
        name: what was asked for; capitals, hyphens and spaces do not count.
        aliases: every name that there is, with the other names of what it stands for.
        excluded: names that were left out, each with the reason.

    Returns:
        One sentence, or "" for a name that is neither.
    """
    own = plain(name)
    for one, others in aliases.items():
        if own in map(plain, (one, *others)):
            return f"there is no {kind} '{name}': it is called '{one}' here."
    for one, reason in excluded.items():
        if own == plain(one):
            return f"there is no {kind} '{name}': it was left out, because {reason}."
    return ""


def plain(name: str) -> str:
    """A name without what nobody remembers: letters and digits alone, small."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
