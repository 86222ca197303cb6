"""Where a line of an assembled template comes from: which snippet, and which line of it.

What puts a template together leaves a mark, a Jinja comment that prints nothing: after it begins
the named line of the named snippet (of the template itself where no name is given). Each mark
holds a line break, so that no line has two origins.
"""

import re

from crm.rendering.errors import RenderError

_MARK = re.compile(r"\{#@([^:{}#\n]*):(\d+)\n#\}")

Origins = tuple[tuple[int, str, int], ...]


def mark(name: str, line: int) -> str:
    """A mark after which this line of this snippet begins."""
    return f"{{#@{name}:{line}\n#}}"


def is_mark(tag: str) -> bool:
    """Whether a Jinja tag is one of these marks."""
    return _MARK.fullmatch(tag) is not None


def without_marks(source: str) -> str:
    """An assembled source for people to read."""
    return _MARK.sub("", source)


def origins_of(source: str) -> Origins:
    """The lines of an assembled source that follow a mark, with the name and line told by it."""
    if "{#@" not in source:
        return ()
    found, line, place = [], 1, 0
    for each in _MARK.finditer(source):
        line += source.count("\n", place, each.end())
        place = each.end()
        found.append((line, each[1], int(each[2])))
    return tuple(found)


def traced(line: int, origins: Origins) -> tuple[str, int]:
    """The snippet and the line in it of a line of an assembled source; nothing where unknown."""
    name, first, begins = "", line, line
    for at, snippet, told in origins:
        if at > line:
            break
        name, first, begins = snippet, told, at
    return name, first + line - begins if line else 0


def placed(error: RenderError, source: str, part: str) -> RenderError:
    """An error of a source, told by the line that its author wrote."""
    snippet, line = traced(error.line, origins_of(source))
    return RenderError(
        error.reason, error.message, line, error.part or part, error.snippet or snippet
    )
