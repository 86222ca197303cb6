"""Posts ready-made requests over a few kept connections, as fast as they go or at a fixed pace."""

import socket
import threading
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

_OK = (b"HTTP/1.1 200", b"HTTP/1.1 302")


@dataclass(slots=True)
class Lane:
    """One connection, what it posts, and how long each answer took."""

    port: int
    requests: Sequence[bytes]
    # Seconds between the posts of this lane; 0 is as fast as they go.
    pace: float = 0.0
    seconds: list[float] = field(default_factory=list)
    # When each was answered, by `time.perf_counter`.
    answered: list[float] = field(default_factory=list)
    error: Exception | None = None

    def run(self) -> None:
        """Post everything, one after the other."""
        try:
            self._run()
        except (OSError, ValueError) as error:
            self.error = error

    def _run(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as wire:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            due = time.perf_counter()
            for request in self.requests:
                if self.pace:
                    due += self.pace
                    time.sleep(max(0.0, due - time.perf_counter()))
                began = due if self.pace else time.perf_counter()
                wire.sendall(request)
                _expect_success(wire)
                self.answered.append(time.perf_counter())
                self.seconds.append(self.answered[-1] - began)


def request(path: str, secret: str, body: bytes) -> bytes:
    """One POST with a write key."""
    key = b64encode(f"{secret}:".encode()).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def post(
    port: int, requests: Sequence[bytes], *, lanes: int, per_second: float = 0.0
) -> list[float]:
    """Post all of them, shared out over the lanes; gives the seconds each took, sorted."""
    pace = lanes / per_second if per_second else 0.0
    running = [Lane(port, requests[number::lanes], pace) for number in range(lanes)]
    threads = [threading.Thread(target=lane.run) for lane in running]
    for thread in threads:
        thread.start()
        time.sleep(pace / lanes)
    for thread in threads:
        thread.join()
    for lane in running:
        if lane.error:
            raise lane.error
    return sorted(second for lane in running for second in lane.seconds)


def _expect_success(wire: socket.socket) -> None:
    answer = wire.recv(65536)
    while b"\r\n\r\n" not in answer:
        more = wire.recv(65536)
        if not more:
            raise ConnectionError("The server hung up.")
        answer += more
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(_OK):
        raise ValueError(answer[:500].decode(errors="replace"))
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += wire.recv(65536)
