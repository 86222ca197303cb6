"""What went wrong while a template ran, as its author can mend it: the line and what it lacks."""

import traceback
from types import TracebackType

from jinja2 import Template, UndefinedError

from crm.rendering import errors
from crm.rendering.errors import RenderError

_FILENAME = "<template>"


def told(error: Exception, template: Template, part: str = "") -> RenderError:
    """Any error of a template as one that says where it came up."""
    line = _line_of(template, error.__traceback__)
    if isinstance(error, RenderError):
        return error.placed(line=line, part=part)
    if isinstance(error, UndefinedError):
        return RenderError(errors.UNDEFINED, error.message or "Something is not known.", line, part)
    if isinstance(error, RecursionError):
        return RenderError(errors.FAILED, "The template calls itself without end.", line, part)
    if isinstance(error, MemoryError):
        return RenderError(errors.TOO_BIG, "The template needs too much memory.", line, part)
    return RenderError(errors.FAILED, f"{error} ({type(error).__name__})", line, part)


def _line_of(template: Template, trace: TracebackType | None) -> int:
    """The line of the template in which an error came up, 0 where unknown."""
    lines = [
        number
        for frame, number in traceback.walk_tb(trace)
        if frame.f_code.co_filename == _FILENAME
    ]
    return template.get_corresponding_lineno(lines[-1]) if lines else 0
