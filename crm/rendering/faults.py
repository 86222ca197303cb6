"""What went wrong while a template ran, as its author can mend it: the line and what it lacks."""

import traceback
from types import TracebackType

from jinja2 import Template, UndefinedError

from crm.rendering import errors
from crm.rendering.errors import RenderError
from crm.rendering.origins import origins_of, traced

_FILENAME = "<template>"


def remember(template: Template, source: str) -> Template:
    """Keep with a compiled template where the lines of its source come from."""
    template.origins_ = origins_of(source)  # type: ignore[attr-defined]
    return template


def told(error: Exception, template: Template, part: str = "") -> RenderError:
    """Any error of a template as one that says where it came up."""
    if isinstance(error, RenderError) and error.line:
        return error.placed(part=part)
    line = _line_of(template, error.__traceback__)
    snippet, line = traced(line, getattr(template, "origins_", ()))
    if isinstance(error, RenderError):
        return RenderError(error.reason, error.message, line, error.part or part, snippet)
    return RenderError(*_reason(error), line, part, snippet)


def _reason(error: Exception) -> tuple[str, str]:
    if isinstance(error, UndefinedError):
        return errors.UNDEFINED, error.message or "Something is not known."
    if isinstance(error, RecursionError):
        return errors.FAILED, "The template calls itself without end."
    if isinstance(error, MemoryError):
        return errors.TOO_BIG, "The template needs too much memory."
    return errors.FAILED, f"{error} ({type(error).__name__})"


def _line_of(template: Template, trace: TracebackType | None) -> int:
    """The line of the template in which an error came up, 0 where unknown."""
    lines = [
        number
        for frame, number in traceback.walk_tb(trace)
        if frame.f_code.co_filename == _FILENAME
    ]
    return template.get_corresponding_lineno(lines[-1]) if lines else 0
