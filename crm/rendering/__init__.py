"""Rendering: the only code that knows Jinja2; compile a template once, render it for many, safely.

A context holds plain data only (see `plain.check_plain`). What a template may name is frozen in
`names.FILTERS`, `names.GLOBALS` and `names.TESTS`; size, time and memory are capped in `limits`.
"""

from crm.rendering.compiled import (
    CompiledTemplate,
    Encoded,
    LinkContext,
    Rendered,
    compile_template,
)
from crm.rendering.detours import noticed
from crm.rendering.errors import UNDEFINED, RenderError
from crm.rendering.making import Parts, check_snippet, make
from crm.rendering.mjml import is_mjml, standing_alone
from crm.rendering.names import FILTERS, GLOBALS, PROVIDED_VARIABLES, TESTS
from crm.rendering.origins import without_marks
from crm.rendering.plain import Plain, check_plain, is_shared, share
from crm.rendering.slots import LinkSlot

__all__ = [
    "FILTERS",
    "GLOBALS",
    "PROVIDED_VARIABLES",
    "TESTS",
    "UNDEFINED",
    "CompiledTemplate",
    "Encoded",
    "LinkContext",
    "LinkSlot",
    "Parts",
    "Plain",
    "RenderError",
    "Rendered",
    "check_plain",
    "check_snippet",
    "compile_template",
    "is_mjml",
    "is_shared",
    "make",
    "noticed",
    "share",
    "standing_alone",
    "without_marks",
]
