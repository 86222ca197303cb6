"""Runs the live streams: granian's ASGI server inside this one process."""

import argparse
import asyncio

from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from marketing import asgi


async def _serve(host: str, port: int) -> None:
    server = Server(
        asgi.application,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
    )
    await server.serve()


def main() -> None:
    """Serve until a signal ends the process: open streams have nothing to finish."""
    parser = argparse.ArgumentParser(prog="live", description="Stream live updates.")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    asked = parser.parse_args()
    work(asked.host, asked.port)


def work(host: str, port: int) -> None:
    """Serve there until a signal ends the process."""
    asyncio.run(_serve(host, port))


if __name__ == "__main__":
    main()
