"""`manage.py start`: the whole running set in one terminal."""

import argparse
import asyncio
import json
import os
import secrets
import sys
import time
from dataclasses import dataclass

from marketing.runtime import doors, environment, places, preparation, probes, programs, session
from marketing.runtime import engines as engine_room
from marketing.runtime.journal import Journal
from marketing.runtime.places import Places
from marketing.runtime.problems import RuntimeProblem
from marketing.runtime.programs import Ports
from marketing.runtime.supervisor import Stopped, Supervisor, python_program

SMTP_PORT = 2525
HTTP_PORT = 2580
READY_PATIENCE = 60.0
ADMIN = "admin"
OUTBOX = "/admin/crm/caughtmessage/"


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    ports: Ports
    workers: int
    demo: bool


def main(arguments: list[str]) -> int:
    """Start everything and stay until Ctrl-C or TERM."""
    began = time.monotonic()
    asked = _parser().parse_args(arguments)
    here = environment.load()
    places.make(here)
    with session.locked(here.lock) as ours:
        if not ours:
            raise RuntimeProblem(session.busy(here))
        options = Options(_ports(asked.host, asked.port), asked.workers, not asked.no_demo)
        return asyncio.run(_run(here, options, began))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py start", description="Run web, workers, schedule and their engines."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8000, help="port of the web server")
    parser.add_argument("--workers", type=int, default=2, help="how many tasks run side by side")
    parser.add_argument("--no-demo", action="store_true", help="do not load the demo shop")
    return parser


def _ports(host: str, web: int) -> Ports:
    for port in (web, web + 1):
        if not probes.port_is_free(host, port):
            raise RuntimeProblem(
                f"Port {port} of {host} is in use: stop what listens there, or choose another "
                "with --port (the next one up is used for live updates)."
            )
    smtp = doors.hold("RAPPORT_CATCHER_SMTP_PORT", usual=SMTP_PORT)
    http = doors.hold("RAPPORT_CATCHER_HTTP_PORT", usual=HTTP_PORT)
    return Ports(host, web, web + 1, smtp, http)


async def _run(here: Places, options: Options, began: float) -> int:
    embedded = environment.embedded()
    programs.export(options.ports)
    journal = Journal(here.log)
    supervisor = Supervisor(journal)
    supervisor.listen_for_signals()
    try:
        await supervisor.start_engines(environment.prepare_engines(here))
        if "postgres" in embedded:
            engine_room.ensure_database(here.sockets())
        places.write_record(here, environment.shared())
        password = await _prepare(supervisor, here, options, embedded="postgres" in embedded)
        await supervisor.start_applications(
            programs.applications(options.ports, workers=options.workers)
        )
        await _greet(supervisor, options, began, password)
        await supervisor.watch(_reachable(options.ports.host), options.ports.web)
    except Stopped:
        journal.write("runtime", "stopped before everything was up")
    finally:
        here.record.unlink(missing_ok=True)
        await supervisor.stop()
        journal.close()
    return 0


async def _prepare(
    supervisor: Supervisor, here: Places, options: Options, *, embedded: bool
) -> str:
    """Bring the database up to date; the password of a new admin account, or nothing."""
    if preparation.is_done(here, embedded=embedded):
        return ""
    password = secrets.token_urlsafe(9)
    # By the environment, so that no process list and no log shows it.
    os.environ["RAPPORT_ADMIN_PASSWORD"] = password
    demo = ("--demo",) if options.demo and preparation.is_first(here) else ()
    program = python_program("prepare", programs.manage(), "prepare", "--admin", ADMIN, *demo)
    try:
        made = json.loads(await supervisor.call(program))
    finally:
        del os.environ["RAPPORT_ADMIN_PASSWORD"]
    preparation.note_done(here)
    return password if made["admin_made"] else ""


async def _greet(supervisor: Supervisor, options: Options, began: float, password: str) -> None:
    host, port = _reachable(options.ports.host), options.ports.web
    if not await supervisor.await_ready(host, port, patience=READY_PATIENCE):
        _, report = await asyncio.to_thread(probes.web, host, port, "/readyz", timeout=3)
        said = json.dumps(report) if report else "the web server does not answer"
        supervisor.journal.write("runtime", f"not ready yet: {said}")
    address = os.environ["PUBLIC_URL"]
    sign_in = f"{ADMIN} / {password}   (shown only now)" if password else "as before"
    forgotten = "" if password else f"   (forgotten: manage.py changepassword {ADMIN})"
    # To the terminal and never to the log: a password may be in it.
    lines = (
        "",
        f"  Rapport is ready after {time.monotonic() - began:.1f} s",
        "",
        f"    Address   {address}/admin/",
        f"    Sign in   {sign_in}{forgotten}",
        f"    Messages  {address}{OUTBOX}   (nothing leaves this machine by default)",
        "    Stop      Ctrl-C",
        "",
    )
    print("\n".join(lines), file=sys.stdout, flush=True)


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
