"""Several who act at the very same moment, each on a connection of their own."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.db import connections

_WAIT = 30


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Let everybody begin together; gives what each was answered, or the error they met."""
    start = threading.Barrier(len(calls), timeout=_WAIT)
    answers: list[Any] = [None] * len(calls)

    def act(place: int, call: Callable[[], Any]) -> None:
        try:
            start.wait()
            answers[place] = call()
        except Exception as error:
            answers[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=act, args=one) for one in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_WAIT)
    return answers


def times(number: int, call: Callable[..., Any], **facts: Any) -> Sequence[Callable[[], Any]]:
    """The same call by so many."""
    return [partial(call, **facts)] * number


def errors(answers: Sequence[Any]) -> list[Exception]:
    """What went wrong for those who met an error."""
    return [answer for answer in answers if isinstance(answer, Exception)]
