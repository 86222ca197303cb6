"""Keeps what is caught in PostgreSQL, many at a time, before the sender is told “250” or “202”."""

import asyncio
import logging
from dataclasses import dataclass

import psycopg

log = logging.getLogger("outbox")

KEEP_PER_CHANNEL = 200_000
_PRUNE_EVERY = 50_000
_BATCH = 500
_INSERT = """
insert into crm_caughtmessage
    (channel, provider_message_id, key, sender, recipient, subject, raw, caught_at)
select channel, provider_message_id, key, sender, recipient, subject, raw, clock_timestamp()
from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
    with ordinality as new(channel, provider_message_id, key, sender, recipient, subject, raw, n)
where channel <> 'sms' or not exists (
    select 1 from crm_caughtmessage old where old.key = new.key and old.channel = 'sms')
order by n
"""
_PRUNE = """
delete from crm_caughtmessage where channel = %s and id <= (
    select id from crm_caughtmessage where channel = %s order by id desc offset %s limit 1)
"""


@dataclass(frozen=True, slots=True)
class Caught:
    """One message as it arrived."""

    channel: str
    provider_message_id: str
    key: str
    sender: str
    recipient: str
    subject: str
    raw: bytes

    def columns(self) -> tuple[str | bytes, ...]:
        """In the order of the insert; PostgreSQL has no NUL in a text."""
        words = (self.channel, self.provider_message_id, self.key, self.sender, self.recipient)
        return (*(word.replace("\x00", "") for word in (*words, self.subject)), self.raw)


@dataclass(frozen=True, slots=True)
class _Waiting:
    caught: Caught
    kept: asyncio.Future[None]


class Store:
    """One connection and one writer that commits everything that waits, together."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._connection: psycopg.AsyncConnection | None = None
        self._since_pruned = 0

    async def keep(self, caught: Caught) -> None:
        """Return once the message is committed; raise if it could not be."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(caught, kept))
        await kept

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            waiting = [await self._queue.get()]
            while not self._queue.empty() and len(waiting) < _BATCH:
                waiting.append(self._queue.get_nowait())
            try:
                await self._write([one.caught for one in waiting])
            except (psycopg.Error, OSError) as error:
                log.warning("could not keep %s messages: %s", len(waiting), _why(error))
                await self.close()
                _tell(waiting, error)
                await asyncio.sleep(0.2)
            else:
                _tell(waiting, None)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _write(self, batch: list[Caught]) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True)
        unique = {
            (one.key if one.channel == "sms" else index): one
            for index, one in reversed(list(enumerate(batch)))
        }
        columns = zip(*(one.columns() for one in reversed(unique.values())), strict=True)
        await self._connection.execute(_INSERT, [list(column) for column in columns])
        self._since_pruned += len(batch)
        if self._since_pruned >= _PRUNE_EVERY:
            self._since_pruned = 0
            for channel in ("email", "sms"):
                await self._connection.execute(_PRUNE, (channel, channel, KEEP_PER_CHANNEL))


class Forgetful:
    """Keeps nothing: for measuring who sends, not who takes."""

    async def keep(self, caught: Caught) -> None:
        """Return at once."""

    async def run(self) -> None:
        """Wait until cancelled."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing is open."""


def _why(error: Exception) -> str:
    """The error without the values it may quote: they are other people's mail."""
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return said or type(error).__name__


def _tell(waiting: list[_Waiting], error: Exception | None) -> None:
    for one in waiting:
        if one.kept.done():
            continue
        if error is None:
            one.kept.set_result(None)
        else:
            one.kept.set_exception(error)
