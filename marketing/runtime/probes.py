"""Asks the engines and the web server whether they answer, with nothing but sockets."""

import http.client
import json
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

READY = "ready"
SILENT = "silent"
NO_DATABASE = "3D000"


def postgres(sockets: Path, *, database: str, user: str) -> str:
    """READY, SILENT, or the SQLSTATE with which PostgreSQL refuses this database."""
    words = b"user\0%b\0database\0%b\0\0" % (user.encode(), database.encode())
    opening = struct.pack("!ii", 8 + len(words), 196608) + words
    answer = _ask(sockets / ".s.PGSQL.5432", opening, until=_settled)
    kinds = dict(_messages(answer))
    if b"E" in kinds:
        fields = {field[:1]: field[1:] for field in kinds[b"E"].split(b"\0")}
        return fields.get(b"C", b"").decode()
    return READY if b"Z" in kinds else SILENT


def _messages(answer: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The whole messages in PostgreSQL's answer: kind and content."""
    start = 0
    while start + 5 <= len(answer):
        (length,) = struct.unpack_from("!i", answer, start + 1)
        if start + 1 + length > len(answer):
            return
        yield answer[start : start + 1], answer[start + 5 : start + 1 + length]
        start += 1 + length


def _settled(answer: bytes) -> bool:
    """Whether PostgreSQL has let us in or refused."""
    return any(kind in {b"E", b"Z"} for kind, _ in _messages(answer))


def valkey(path: Path) -> str:
    """READY once Valkey has loaded its data and answers a ping."""
    return READY if _ask(path, b"PING\r\n").startswith(b"+PONG") else SILENT


def web(host: str, port: int, path: str, *, timeout: float) -> tuple[int, dict[str, Any]]:
    """The status and the JSON of a probe address; 0 where nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body: dict[str, Any] = json.loads(response.read())
    except (OSError, ValueError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()
    return response.status, body


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _ask(path: Path, words: bytes, *, until: Callable[[bytes], bool] = bool) -> bytes:
    answer = b""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(str(path))
            client.sendall(words)
            while not until(answer):
                part = client.recv(4096)
                if not part:
                    break
                answer += part
        except OSError:
            return b""
    return answer
