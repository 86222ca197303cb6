"""A batch over kept SMTP connections: body of one mail and envelope of the next in one write.

The journal is marked before a body goes to the kernel, after it has gone, and when it is answered,
so that at most one mail per connection is in doubt however the process ends.
"""

import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from crm.channels import dkim, letters, mime
from crm.channels import journal as states
from crm.channels.base import (
    DEFERRED,
    FAILED,
    IN_DOUBT,
    INVALID_ADDRESS,
    REJECTED,
    SENDER_REFUSED,
    SENT,
    UNANSWERED,
    UNAUTHORIZED,
    UNREACHABLE,
    Journal,
    Outcome,
    Outgoing,
)
from crm.channels.smtp_reply import Reply, SignInRefused, SmtpRefused
from crm.channels.smtp_server import Server
from crm.channels.smtp_wire import Wire

_RETRY_AFTER = {DEFERRED: 300.0, UNREACHABLE: 60.0}
_TRIES = 2
_IDLE_SECONDS = 60.0
_CLOSING = 421
_PERMANENT = 500
# MAIL is refused so for a mail that is too large (RFC 1870), whoever sends it.
_TOO_LARGE = 552
# By these codes there is nobody (RFC 3463), whenever they are given: LMTP answers after DATA.
_NOBODY = re.compile(r"5\.1\.10?(?!\d)")
_SIGN_IN_CODES = frozenset({530, 534, 535, 538})
_LONGEST_ENVELOPE_ID = 100
_ENVELOPE_LINES = 3
_NO_XTEXT = re.compile(rb"[^!-*,-<>-~]")


@dataclass(slots=True)
class _Job:
    index: int
    outgoing: Outgoing
    tries: int = 0
    mail: bytes = b""
    # MAIL, RCPT and DATA, each with its line end.
    envelope: bytes = b""


@dataclass(slots=True)
class _Lane:
    wire: Wire
    waiting: _Job | None = None  # its body is handed over, the answer is outstanding
    opened: _Job | None = None  # its envelope is (or is about to be) written
    following: _Job | None = None  # built, nothing of it written
    # Kept from an earlier batch and not heard since: it may be gone, which is no mail's fault.
    is_stale: bool = False

    @property
    def is_idle(self) -> bool:
        return not (self.waiting or self.opened or self.following)


@dataclass(slots=True)
class KeptWires:
    """The connections an adapter keeps between batches."""

    wires: list[Wire] = field(default_factory=list)
    used_at: float = 0.0

    def take(self) -> list[Wire]:
        """Hand out what is fresh, close what has idled too long."""
        wires, self.wires = self.wires, []
        if time.monotonic() - self.used_at <= _IDLE_SECONDS:
            return wires
        for wire in wires:
            wire.close()
        return []

    def put_back(self, wire: Wire) -> None:
        """Keep a connection for the next batch."""
        self.wires.append(wire)
        self.used_at = time.monotonic()


class Pump:
    """One batch on its way."""

    def __init__(
        self, server: Server, kept: KeptWires, batch: Sequence[Outgoing], journal: Journal
    ) -> None:
        self._server = server
        self._kept = kept
        self._journal = journal
        self._queue = deque(_Job(index, outgoing) for index, outgoing in enumerate(batch))
        self._ready: list[Outcome] = []
        self._trouble = (UNREACHABLE, "")
        self._may_begin = getattr(journal, "may_begin", None)

    def outcomes(self) -> Iterator[Outcome]:
        """Send the batch; one outcome for every message, whatever the wire does."""
        lanes = self._open_lanes()
        try:
            while lanes:
                for lane in list(lanes):
                    if not self._advance(lane):
                        lanes.remove(lane)
                yield from self._drain()
        finally:
            for lane in lanes:
                lane.wire.close()
        reason, detail = self._trouble
        for job in self._queue:
            self._settle(job, FAILED, reason, detail, mark=states.CLAIMED)
        yield from self._drain()

    def _open_lanes(self) -> list[_Lane]:
        wanted = min(self._server.connections, len(self._queue))
        lanes = [_Lane(wire, is_stale=True) for wire in self._kept.take()]
        while len(lanes) < wanted and (wire := self._connect()) is not None:
            lanes.append(_Lane(wire))
        return lanes

    def _connect(self) -> Wire | None:
        try:
            return Wire(self._server)
        except SmtpRefused as error:
            is_final = isinstance(error, SignInRefused) and error.reply.code >= _PERMANENT
            is_final |= error.reply.code in _SIGN_IN_CODES
            self._trouble = (UNAUTHORIZED if is_final else UNREACHABLE, str(error))
        except OSError as error:
            self._trouble = (UNREACHABLE, str(error) or type(error).__name__)
        return None

    def _advance(self, lane: _Lane) -> bool:
        """Take a lane one step on; False once it has nothing left to do or cannot go on."""
        try:
            self._step(lane)
        except OSError as error:
            return self._recover(lane, str(error) or type(error).__name__)
        if not self._queue and lane.is_idle:
            self._kept.put_back(lane.wire)
            return False
        return True

    def _step(self, lane: _Lane) -> None:
        # Building the next mail here lets it overlap with the server's work on the last one.
        lane.following = lane.following or self._next(lane.wire)
        if lane.waiting:
            self._settle_body(lane)
        if lane.opened is None:
            self._open(lane)
        if lane.opened is None:
            return
        refusal = self._answer_to_envelope(lane, lane.opened)
        lane.is_stale = False
        if refusal is None:
            self._hand_over(lane, lane.opened)
            return
        job, lane.opened = lane.opened, None
        self._settle(job, FAILED, *refusal)
        self._must(lane.wire.ask("RSET"))

    def _next(self, wire: Wire) -> _Job | None:
        while self._queue:
            job = self._queue.popleft()
            if self._may_begin and not self._may_begin(job.index):
                continue  # no outcome: whoever stopped it says why
            try:
                _prepare(job, wire)
                return job
            except mime.InvalidAddress as error:
                self._settle(job, FAILED, INVALID_ADDRESS, str(error))
            except ValueError as error:
                self._settle(job, FAILED, REJECTED, str(error))
        return None

    def _wanted(self, job: _Job | None) -> _Job | None:
        """What was built a while ago, unless it was stopped meanwhile."""
        return job if job and (not self._may_begin or self._may_begin(job.index)) else None

    def _open(self, lane: _Lane) -> None:
        lane.opened, lane.following = self._wanted(lane.following), None
        if lane.opened and "PIPELINING" in lane.wire.features:
            lane.wire.write(lane.opened.envelope)
            lane.following = self._next(lane.wire)

    def _answer_to_envelope(self, lane: _Lane, job: _Job) -> tuple[str, str] | None:
        if "PIPELINING" in lane.wire.features:
            if lane.wire.read_good(_ENVELOPE_LINES):
                return None
            replies = [lane.wire.read() for _ in range(_ENVELOPE_LINES)]
        else:
            replies = _asked_one_by_one(lane.wire, job.envelope)
        bad = next((place for place, reply in enumerate(replies) if not reply.is_good), None)
        if bad is None:
            return None
        self._must(replies[bad])
        if len(replies) == _ENVELOPE_LINES and replies[-1].is_good:
            lane.wire.ask(".")  # the server waits for a body nobody will get
        is_sender = bad == 0 and replies[bad].code != _TOO_LARGE
        return _refusal(replies[bad], SENDER_REFUSED if is_sender else REJECTED)

    def _hand_over(self, lane: _Lane, job: _Job) -> None:
        end = b".\r\n"
        lane.following = self._wanted(lane.following)
        pipelined = lane.following is not None and "PIPELINING" in lane.wire.features
        lane.opened = None
        envelope = b""
        if pipelined and lane.following:
            lane.opened, lane.following = lane.following, None
            envelope = lane.opened.envelope
        self._journal.mark(job.index, states.HANDING_OVER)
        try:
            lane.wire.write(b"".join((job.mail, end, envelope)))
        except OSError:
            if lane.wire.sent < len(job.mail) + len(end):
                self._again(job, lane)
            else:
                lane.waiting = job
            raise
        self._journal.mark(job.index, states.HANDED_OVER)
        lane.waiting, job.mail = job, b""

    def _settle_body(self, lane: _Lane) -> None:
        """Read what the server says of the body it was given last."""
        job = lane.waiting
        assert job is not None
        reply = None if lane.wire.read_good(1) else lane.wire.read()
        lane.waiting = None
        if reply is None or reply.is_good:
            # As most are settled: without asking what else there is to say.
            self._journal.mark(job.index, states.CONFIRMED)
            self._ready.append(Outcome(job.outgoing.message_id, SENT, job.outgoing.key))
            return
        self._settle(job, FAILED, *_refusal(reply, REJECTED))
        self._must(reply)

    def _recover(self, lane: _Lane, detail: str) -> bool:
        """After a lost connection: doubt what was handed over, try again what was not."""
        lane.wire.close()
        self._trouble = (UNREACHABLE, detail)
        if lane.waiting:
            self._settle(lane.waiting, IN_DOUBT, UNANSWERED, detail, mark=states.HANDED_OVER)
        if lane.following:
            self._queue.appendleft(lane.following)
        if lane.opened:
            self._again(lane.opened, lane)
        lane.waiting = lane.opened = lane.following = None
        wire = self._connect() if self._queue else None
        if wire is None:
            return False
        lane.wire, lane.is_stale = wire, False
        return True

    def _again(self, job: _Job, lane: _Lane) -> None:
        self._journal.mark(job.index, states.CLAIMED)
        job.tries += not lane.is_stale
        if job.tries < _TRIES:
            self._queue.appendleft(job)
        else:
            self._settle(job, FAILED, *self._trouble, mark=states.CLAIMED)

    def _settle(
        self,
        job: _Job,
        state: str,
        reason: str = "",
        detail: str = "",
        *,
        mark: int | None = None,
    ) -> None:
        if mark is None:
            mark = states.PUT_OFF if reason in _RETRY_AFTER else states.REFUSED
        self._journal.mark(job.index, mark)
        self._ready.append(
            Outcome(
                message_id=job.outgoing.message_id,
                state=state,
                # A server has no name of its own for a mail: it is known by its Message-ID.
                provider_message_id=job.outgoing.key if state != FAILED else "",
                reason=reason,
                detail=detail[:500],
                retry_after=_RETRY_AFTER.get(reason),
            )
        )

    def _drain(self) -> list[Outcome]:
        ready, self._ready = self._ready, []
        return ready

    @staticmethod
    def _must(reply: Reply) -> None:
        if reply.code == _CLOSING:
            raise ConnectionError(str(reply))


def _prepare(job: _Job, wire: Wire) -> None:
    outgoing = job.outgoing
    sender = mime.parse_address(outgoing.sender)
    recipient = mime.parse_recipient(outgoing.recipient)
    bounce = mime.parse_address(outgoing.envelope_sender) if outgoing.envelope_sender else sender
    options = b""
    if not (sender.address + recipient.address + bounce.address).isascii():
        # Where ASCII is enough nobody on the way needs to know more, or sends the mail back.
        try:
            sender, recipient, bounce = (x.in_ascii() for x in (sender, recipient, bounce))
        except mime.InvalidAddress:
            if "SMTPUTF8" not in wire.features:
                raise
            options = b" SMTPUTF8"
    eight_bit = "8BITMIME" in wire.features
    options += b" BODY=8BITMIME" if eight_bit else b""
    mail = mail_of(outgoing, sender, recipient, eight_bit=eight_bit)
    if "SIZE" in wire.features:
        options += b" SIZE=%d" % len(mail)
    notices = b""
    if wire.notices:
        options += b" RET=HDRS" + _envelope_id(outgoing.key)
        notices = b" NOTIFY=%b" % wire.notices
        if recipient.is_ascii:
            notices += b" ORCPT=rfc822;" + _xtext(recipient.address)
    job.mail = mail if mail.endswith(b"\r\n") else mail + b"\r\n"
    job.envelope = b"MAIL FROM:<%b>%b\r\nRCPT TO:<%b>%b\r\nDATA\r\n" % (
        bounce.address.encode(),
        options,
        recipient.address.encode(),
        notices,
    )


def _envelope_id(key: str) -> bytes:
    """What a notice calls the mail by (RFC 3461, 4.4), where that is not too long."""
    name = _xtext(key)
    return b" ENVID=" + name if len(name) <= _LONGEST_ENVELOPE_ID else b""


def _xtext(words: str) -> bytes:
    """Words as the options of an envelope write them (RFC 3461, 4)."""
    return _NO_XTEXT.sub(lambda found: b"+%02X" % found[0][0], words.encode())


def mail_of(
    outgoing: Outgoing, sender: mime.Address, recipient: mime.Address, *, eight_bit: bool
) -> bytes:
    """The whole mail, signed, with its dots stuffed."""
    if outgoing.raw_html.size or outgoing.raw_text:
        letterhead = letters.letterhead(sender, outgoing.headers)
        head = letterhead.head(outgoing, recipient.folded().encode())
        parts = (head, outgoing.raw_html, outgoing.raw_text)
        if not outgoing.signers:
            return letters.stuffed_mail(*parts, eight_bit=eight_bit)
        mail = letters.mail(*parts, eight_bit=eight_bit)
    else:
        mail = mime.build(outgoing, sender=sender, recipient=recipient, eight_bit=eight_bit)
    return letters.stuffed(dkim.signed(mail, outgoing.signers) if outgoing.signers else mail)


def _asked_one_by_one(wire: Wire, envelope: bytes) -> list[Reply]:
    replies: list[Reply] = []
    for line in envelope.splitlines(keepends=True):
        replies.append(wire.ask_raw(line))
        if not replies[-1].is_good:
            break
    return replies


def _refusal(reply: Reply, permanent: str) -> tuple[str, str]:
    if reply.code in _SIGN_IN_CODES:
        return UNAUTHORIZED, str(reply)
    if reply.code < _PERMANENT:
        return DEFERRED, str(reply)
    if permanent == REJECTED and _NOBODY.match(reply.text):
        return INVALID_ADDRESS, str(reply)
    return permanent, str(reply)
