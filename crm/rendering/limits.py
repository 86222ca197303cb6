"""The caps on one rendering: seconds, characters made, characters put out."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from crm.rendering.errors import TOO_BIG, TOO_SLOW, RenderError

MAX_SOURCE = 200_000  # characters of one part of a template
MAX_NODES = 10_000  # expressions and statements in one part
MAX_OUTPUT = 1_000_000  # characters of one rendered part, and of any one string on the way
MAX_ITEMS = 10_000  # entries of a list made by a template
MAX_RANGE = 1_000
MAX_WIDTH = 100  # of a padded or indented value
MAX_INT_BITS = 512
MAX_MADE = 16_000_000  # characters made in all by one message, thrown-away ones too
MAX_SECONDS = 1.0
MAX_COMPILE_SECONDS = 1.0  # of the processor, so that a busy machine refuses no template


class _Budget(threading.local):
    def __init__(self) -> None:
        self.deadline = float("inf")
        self.compile_deadline = float("inf")
        self.left = MAX_MADE


_budget = _Budget()
_clock = time.monotonic


class budget:  # noqa: N801 - reads as a verb where it is used; a generator takes thrice as long
    """Give the code inside one message's worth of time and characters."""

    __slots__ = ("_before",)

    def __enter__(self) -> None:
        self._before = _budget.deadline, _budget.left
        _budget.deadline, _budget.left = _clock() + MAX_SECONDS, MAX_MADE

    def __exit__(self, *_: object) -> None:
        _budget.deadline, _budget.left = self._before


@contextmanager
def untimed() -> Iterator[None]:
    """What the code inside takes is not on this message's time: it is done once for all."""
    begun = _clock()
    try:
        yield
    finally:
        _budget.deadline += _clock() - begun


@contextmanager
def compiling() -> Iterator[None]:
    """Give the code inside one template's worth of the processor, unless it is within one."""
    if _budget.compile_deadline != float("inf"):
        yield
        return
    _budget.compile_deadline = time.thread_time() + MAX_COMPILE_SECONDS
    try:
        yield
    finally:
        _budget.compile_deadline = float("inf")


def check_compiling() -> None:
    """Stop a template that takes too long to compile; asked between steps of the compiler."""
    if time.thread_time() > _budget.compile_deadline:
        raise RenderError(TOO_BIG, "The template is too complicated: it takes long to compile.")


def check_time() -> None:
    """Stop a rendering that has used up its time."""
    if _clock() > _budget.deadline:
        raise RenderError(TOO_SLOW, f"The template takes longer than {MAX_SECONDS:g} s.")


def spend(characters: int) -> None:
    """Account for a new string before it is made; stop what grows without measure."""
    _budget.left -= characters
    if characters > MAX_OUTPUT or _budget.left < 0:
        raise RenderError(TOO_BIG, f"The template makes more than {MAX_OUTPUT:,} characters.")
    if _clock() > _budget.deadline:
        check_time()


def spend_value(value: object) -> None:
    """Account for a string or list that a filter or method gave back."""
    if isinstance(value, str):
        spend(len(value))
    elif isinstance(value, list | tuple):
        if len(value) > MAX_ITEMS:
            raise RenderError(TOO_BIG, f"The template makes a list of over {MAX_ITEMS:,} entries.")
        spend(8 * len(value))
