"""Regular expressions that people give, in time that grows with the text alone: RE2, which pyarrow brings along."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from att.errors import Invalid

__all__ = ["Expression"]


class Expression:
    """A regular expression in RE2's syntax: that of Python without look-around, back-references and `\\Z`.

    It never backtracks, so that no expression and no text can hold up a server. `$` also matches before a last newline.
    """

    def __init__(self, pattern: str, name: str) -> None:
        """Take the argument's `name` for errors. Raises Invalid for what is no such expression."""
        self.pattern = pattern
        self._name = name
        self._apply("match_substring_regex", "")

    @cached_property
    def groups(self) -> list[str]:
        """The names of the groups. Raises Invalid for a group without a name, and for a name that is used twice."""
        names = [field.name for field in self._apply("extract_regex", "").type]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise self._invalid(f"two groups are called {twice!r}")
        return names

    def matches(self, text: str) -> bool:
        """Say whether the text contains a match."""
        return any(self._apply("match_substring_regex", text).to_pylist())

    def search(self, text: str) -> dict[str, str] | None:
        """Return the groups of the first match, empty for those that take no part in it; None without a match."""
        found = self._apply("extract_regex", text).to_pylist() if self.groups else []
        return next((dict(groups) for groups in found if groups is not None), None)

    def _apply(self, function: str, text: str) -> Any:
        """Return an answer for the text, and one for it without its last newline if there is one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        options = {"match_substring_regex": pc.MatchSubstringOptions, "extract_regex": pc.ExtractRegexOptions}
        held = text.encode("utf-8", "backslashreplace").decode()
        texts = [held, held[:-1]] if held.endswith("\n") else [held]
        try:
            return pc.call_function(function, [pa.array(texts)], options[function](self.pattern))
        except (pa.ArrowInvalid, UnicodeEncodeError) as error:
            raise self._invalid(str(error).removeprefix("Invalid regular expression: ")) from None

    def _invalid(self, why: str) -> Invalid:
        hint = "write (?:...) for a group that needs no name" if "unnamed" in why else _SYNTAX
        told = f"{self._name} is no regular expression that can be used: {why.rstrip('.')}; {hint}."
        return Invalid(told, argument=self._name)


_SYNTAX = "the syntax is RE2's, without look-ahead, look-behind and back-references"
