"""Listening sockets that the supervisor keeps from the choice of a port to the end of the set.

Two sets that start at the same instant would both find a port free; only one can listen there.
Whoever serves the port inherits the socket, so a restart of it refuses no connection.
"""

import os
import socket

from marketing.runtime.problems import RuntimeProblem

LOOPBACK = "127.0.0.1"
BACKLOG = 128


def hold(setting: str, *, usual: int) -> socket.socket:
    """Listen on the port that this setting names, else on the usual one or any that is free."""
    named = os.environ.get(setting)
    if named:
        return _named(setting, int(named))
    try:
        return _listening(usual)
    except OSError:
        return _listening(0)


def port_of(door: socket.socket) -> int:
    """The port that somebody outside connects to."""
    port: int = door.getsockname()[1]
    return port


def _named(setting: str, port: int) -> socket.socket:
    try:
        return _listening(port)
    except OSError as error:
        raise RuntimeProblem(
            f"Port {port} of {LOOPBACK} cannot be used ({error.strerror}): stop what listens "
            f"there, or name another in {setting}, or none and a free one is taken."
        ) from error


def _listening(port: int) -> socket.socket:
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((LOOPBACK, port))
        # Two may bind while nobody listens: here the second one is refused.
        door.listen(BACKLOG)
    except OSError:
        door.close()
        raise
    return door
