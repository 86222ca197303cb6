"""A child process that is kept alive: started, listened to, restarted with patience, stopped."""

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from marketing.runtime.engines import launched
from marketing.runtime.environment import PROCESS

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
STABLE_AFTER = 60.0
KILL_WAIT = 2.0

Write = Callable[[str, str], None]


@dataclass(frozen=True)
class Program:
    """What to run under which name, and how it likes to be stopped."""

    name: str
    command: tuple[str, ...]
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    identity: str = "plain"
    noise: tuple[str, ...] = ()
    inherits: tuple[int, ...] = ()
    # What else runs in it, and is restarted with it.
    parts: tuple[str, ...] = ()


@dataclass
class Backoff:
    """How long to wait before the next try: longer each time, short again after a good run."""

    delay: float = field(default=0.0)

    def after(self, ran_for: float) -> float:
        """Seconds to wait, given how many the last run held."""
        if ran_for >= STABLE_AFTER or not self.delay:
            self.delay = FIRST_DELAY
        else:
            self.delay = min(self.delay * 2, LONGEST_DELAY)
        return self.delay


class Child:
    """One program, running for as long as it is wanted."""

    def __init__(self, program: Program, write: Write) -> None:
        self.program = program
        self.process: asyncio.subprocess.Process | None = None
        self.started_at = time.monotonic()
        self.last_words: deque[str] = deque(maxlen=30)
        self._write = write
        self._wanted = True
        self._task: asyncio.Task[None] | None = None
        self._backoff = Backoff()

    @property
    def name(self) -> str:
        """The program's name."""
        return self.program.name

    @property
    def pid(self) -> int:
        """The running process, or 0."""
        running = self.process is not None and self.process.returncode is None
        return self.process.pid if running and self.process else 0

    async def start(self) -> None:
        """Start it now and keep it running from here on."""
        await self._spawn()
        self._task = asyncio.create_task(self._keep(), name=self.name)

    async def restart(self, why: str) -> None:
        """Stop a process that no longer does its work; keeping it alive starts the next."""
        self._write("runtime", f"{self.name} is restarted: {why}")
        await self._end(grace=5)

    async def stop(self, *, grace: float) -> None:
        """Stop it for good: politely, and by force after the grace."""
        self._wanted = False
        await self._end(grace=grace)
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _keep(self) -> None:
        while self.process:
            code = await self._listen(self.process)
            if not self._wanted:
                return
            delay = self._backoff.after(time.monotonic() - self.started_at)
            self._write("runtime", f"{self.name} {ended(code)}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)
            await self._try_again()

    async def _try_again(self) -> None:
        try:
            await self._spawn()
        except OSError as error:
            # No memory or no process slots just now: the ended process counts as the next failure.
            self._write("runtime", f"{self.name} cannot be started: {error}")

    async def _spawn(self) -> None:
        program = self.program
        self.started_at = time.monotonic()
        self.process = await asyncio.create_subprocess_exec(
            *launched(program.command, program.death_signal, program.identity),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            pass_fds=program.inherits,
            env={**os.environ, PROCESS: program.name},
        )

    async def _listen(self, process: asyncio.subprocess.Process) -> int:
        """Pass on every line until the process ends; its children may hold the pipe longer."""
        reading = asyncio.create_task(self._read(process))
        code = await process.wait()
        await asyncio.wait([reading], timeout=0.5)
        reading.cancel()
        # A program that died left its own children behind: they have no work without it.
        kill_group(process.pid)
        return code

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        rest = b""
        while process.stdout and (part := await process.stdout.read(65536)):
            *lines, rest = (rest + part).split(b"\n")
            for line in lines:
                self._pass_on(line)
        if rest:
            self._pass_on(rest)

    def _pass_on(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip()
        if text and not any(noise in text for noise in self.program.noise):
            self.last_words.append(text)
            self._write(self.name, text)

    async def _end(self, *, grace: float) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(self.program.stop_signal)
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            self._write("runtime", f"{self.name} did not stop in {grace:g} s and is killed")
            kill_group(process.pid)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), KILL_WAIT)
        kill_group(process.pid)


def kill_group(leader: int) -> None:
    """End a process and everything it started that stayed with it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def ended(code: int) -> str:
    """How a process ended, in words."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
