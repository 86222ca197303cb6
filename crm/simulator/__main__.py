"""Runs the outbox: `python -m crm.simulator --smtp-port 2525 --http-port 2580`.

`--smtp-socket` and `--http-socket` name inherited sockets in place of ports.
Read from the environment: DATABASE_URL, SMS_API_KEY, SMS_CALLBACK_SECRET (else SECRET_KEY) and
PUBLIC_URL, where inbound callbacks go.
"""

import argparse
import asyncio
import logging
import os
import signal
import socket
from collections.abc import Sequence

from crm.simulator.http import serve
from crm.simulator.mail import protocol
from crm.simulator.meter import Meter
from crm.simulator.notifier import Notifier
from crm.simulator.provider import Provider
from crm.simulator.smsc import SmsCentre
from crm.simulator.store import Forgetful, Store

log = logging.getLogger("outbox")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until TERM or INT."""
    parser = argparse.ArgumentParser(prog="outbox", description="Catches mail and SMS.")
    for name in ("smtp", "http"):
        parser.add_argument(f"--{name}-port", type=int, default=0)
        parser.add_argument(f"--{name}-socket", type=int)
    parser.add_argument("--smpp-port", type=int, help="open an SMS centre for SMPP too")
    parser.add_argument("--forget", action="store_true", help="keep nothing of what is caught")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds until an SMS is answered")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for chatty in ("mail.log", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    smtp = _door(options.smtp_port, options.smtp_socket)
    http = _door(options.http_port, options.http_socket)
    store = Forgetful() if options.forget else Store(os.environ["DATABASE_URL"])
    smpp = None if options.smpp_port is None else _door(options.smpp_port, None)
    asyncio.run(run(store, smtp_door=smtp, http_door=http, smpp_door=smpp, delay=options.delay))


def _door(port: int, inherited: int | None) -> socket.socket:
    if inherited is not None:
        return socket.socket(fileno=inherited)
    return socket.create_server(("127.0.0.1", port))


async def run(
    store: Store | Forgetful,
    *,
    smtp_door: socket.socket,
    http_door: socket.socket,
    smpp_door: socket.socket | None = None,
    delay: float = 0.0,
) -> None:
    """Serve both sockets, work, and stop cleanly when told."""
    secret = os.environ.get("SMS_CALLBACK_SECRET") or os.environ["SECRET_KEY"]
    notifier = Notifier(secret)
    provider = Provider(
        store=store,
        notifier=notifier,
        api_key=os.environ.get("SMS_API_KEY", "simulator"),
        callback_base=os.environ.get("PUBLIC_URL", "http://127.0.0.1:8000"),
    )
    meter = Meter(provider.handle, delay=delay)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    smtp = await loop.create_server(lambda: protocol(store), sock=smtp_door)
    http = await asyncio.start_server(
        lambda reader, writer: serve(meter.handle, reader, writer), sock=http_door
    )
    if smpp_door is not None:
        centre = SmsCentre(store=store, password=provider.api_key[:8])
        await asyncio.start_server(centre.serve, sock=smpp_door)
    ports = [server.sockets[0].getsockname()[1] for server in (smtp, http)]
    log.info("SMTP on 127.0.0.1:%s, provider on 127.0.0.1:%s", *ports)
    work = [asyncio.create_task(store.run()), asyncio.create_task(notifier.run())]
    await asyncio.wait([*work, asyncio.create_task(stop.wait())], return_when="FIRST_COMPLETED")
    smtp.close()
    http.close()
    for task in work:
        task.cancel()
    await asyncio.gather(*work, return_exceptions=True)
    await store.close()


if __name__ == "__main__":
    main()
