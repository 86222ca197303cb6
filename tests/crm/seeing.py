"""Openings and clicks as tests see them: recorded at once, or through the door and the spool."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crm import tracking
from crm.api.tracking import before
from crm.tracking import draining, leading, seeing

BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36"


class Answer(NamedTuple):
    """What a door answered."""

    status: int
    headers: dict[str, str]
    body: bytes


Door = Callable[..., Answer]


def saw(kind: str, message_id: int, *, now: datetime, agent: str = BROWSER, **more: Any) -> int:
    """Record one sighting; gives whether it counted."""
    seen = tracking.Sighting(kind, message_id, now, agent=agent, **more)
    return tracking.record(seen=[seen], now=now)


@pytest.fixture
def sightings(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """A spool of sightings that is this test's alone."""
    settings.SPOOL_DIR = tmp_path / "seen"
    seeing.writer.cache_clear()
    leading.forget()
    yield settings.SPOOL_DIR / seeing.FOLDER
    seeing.writer().close()
    seeing.writer.cache_clear()
    leading.forget()


@pytest.fixture
def door(sightings: Path) -> Door:
    """The door before Django; what is not answered there is 404."""

    def nothing_else(environ: Any, start_response: Any) -> list[bytes]:
        start_response("404 Not Found", [])
        return []

    application = before(nothing_else)

    def ask(path: str, method: str = "GET", **headers: str) -> Answer:
        said: list[Any] = []
        named = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        usual = {"HTTP_USER_AGENT": BROWSER, "HTTP_ACCEPT_LANGUAGE": "en"}
        environ = {"PATH_INFO": path, "REQUEST_METHOD": method, **usual, **named}
        body = b"".join(application(environ, lambda *told: said.extend(told)))
        return Answer(int(said[0][:3]), dict(said[1]), body)

    return ask


@pytest.fixture
def counted(sightings: Path) -> Callable[[], int]:
    """Record everything that waits on the spool."""
    later = datetime.now().astimezone() + timedelta(seconds=5)
    return lambda: draining.empty(folder=sightings, clock=lambda: later)
