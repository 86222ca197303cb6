"""Runs engines and applications: in order up, kept alive, in order down."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from marketing.runtime import engines, probes, processes
from marketing.runtime.children import Child, Program
from marketing.runtime.engines import Engine, launched
from marketing.runtime.journal import Journal
from marketing.runtime.problems import RuntimeProblem
from marketing.runtime.programs import engine_program
from marketing.runtime.watchdog import OLDEST_HEARTBEAT, Watchdog

ENGINE_PATIENCE = 60.0
APPLICATION_GRACE = 5.0
ENGINE_GRACE = 3.0
WATCH_EVERY = 5.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818
    """Somebody asked the running set to stop."""


class Supervisor:
    """The running set; everything happens in one thread, which also owns every child."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.engines: list[Child] = []
        self.applications: list[Child] = []
        self._stop = asyncio.Event()
        self._watchdog = Watchdog()

    def listen_for_signals(self) -> None:
        """Stop in order at Ctrl-C, at TERM, and when the terminal goes away."""
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._stop.set)

    async def start_engines(self, wanted: list[Engine]) -> None:
        """Start the engines side by side and wait until all answer."""
        self.engines = [Child(engine_program(engine), self.journal.write) for engine in wanted]
        for child in self.engines:
            await child.start()
        for engine, child in zip(wanted, self.engines, strict=True):
            await self._await_engine(engine, child)

    async def call(self, program: Program) -> str:
        """Run something to its end, on this terminal, and return what it printed."""
        process = await asyncio.create_subprocess_exec(
            *launched(program.command, program.death_signal, program.identity),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        talking = asyncio.create_task(process.communicate())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([talking, stopping], return_when=asyncio.FIRST_COMPLETED)
        if self._stop.is_set() and not talking.done():
            process.terminate()
            await talking
            raise Stopped
        stopping.cancel()
        output, _ = await talking
        if process.returncode != 0:
            raise RuntimeProblem(f"“{program.name}” failed: what it printed above says why.")
        return output.decode()

    async def start_applications(self, wanted: list[Program]) -> None:
        """Start the applications all at once: each waits for what it needs."""
        self.applications = [Child(program, self.journal.write) for program in wanted]
        for child in self.applications:
            await child.start()

    async def await_ready(self, host: str, port: int, *, patience: float) -> bool:
        """Whether everything answered within this time."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self._stop.is_set():
                raise Stopped
            status, _ = await self._readiness(host, port)
            if status == 200:
                return True
            await asyncio.sleep(0.1)
        return False

    async def watch(self, host: str, port: int) -> None:
        """Look after the heartbeats until somebody asks to stop."""
        while not await self._stopping_within(WATCH_EVERY):
            _, report = await self._readiness(host, port)
            verdict = self._watchdog.verdict(report, worker_cpu=self._pool_cpu())
            if verdict:
                name, why = verdict
                child = self._child(name)
                if time.monotonic() - child.started_at > OLDEST_HEARTBEAT:
                    await self._restart(child, name, why)

    async def stop(self) -> None:
        """Stop applications first and together, then the engines."""
        began = time.monotonic()
        await asyncio.gather(*(child.stop(grace=APPLICATION_GRACE) for child in self.applications))
        await asyncio.gather(*(child.stop(grace=ENGINE_GRACE) for child in self.engines))
        self.journal.write("runtime", f"stopped in {time.monotonic() - began:.1f} s")

    async def _await_engine(self, engine: Engine, child: Child) -> None:
        deadline = time.monotonic() + ENGINE_PATIENCE
        while not engine.answers():
            if self._stop.is_set():
                raise Stopped
            if not child.pid or time.monotonic() > deadline:
                said = "\n".join(child.last_words)
                raise RuntimeProblem(engines.why_not(f"{engine.name} does not start", said))
            await asyncio.sleep(0.02)

    async def _readiness(self, host: str, port: int) -> tuple[int, dict[str, Any]]:
        return await asyncio.to_thread(probes.web, host, port, "/readyz", timeout=3)

    async def _stopping_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._stop.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _restart(self, child: Child, name: str, why: str) -> None:
        """A part of a program alone, where it can be told from the others: they have work."""
        parts = [pid for pid in processes.children(child.pid) if processes.title(pid) == name]
        if not parts:
            await child.restart(why)
            return
        self.journal.write("runtime", f"{name} is restarted: {why}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(parts[0], signal.SIGKILL)

    def _child(self, name: str) -> Child:
        return next(
            child for child in self.applications if name in (child.name, *child.program.parts)
        )

    def _pool_cpu(self) -> float:
        """What those who work through tasks have used; they are below who takes the tasks."""
        worker = self._child("worker").pid
        takers = processes.children(worker) if worker else []
        return processes.cpu_seconds([pid for one in takers for pid in processes.children(one)])


def python_program(name: str, *arguments: str | Path) -> Program:
    """A program in this very interpreter."""
    return Program(name, (sys.executable, *map(str, arguments)), signal.SIGTERM)
