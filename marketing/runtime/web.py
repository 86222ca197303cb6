"""Runs the web server: granian for Django by WSGI, one process, a few threads."""

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from marketing.runtime.programs import WEB_THREADS


def work(host: str, port: int) -> None:
    """Serve there until TERM."""
    Granian(
        "marketing.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        workers_kill_timeout=3,
        blocking_threads=WEB_THREADS,
        log_level=LogLevels.warning,
    ).serve()
