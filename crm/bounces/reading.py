"""Reads a mail that came back: what happened to whom, by the surest source that it has.

In this order: feedback reports, delivery-status fields, a header naming who failed, the words of
a notice, a notice inside, and whom the returned original was written to.
"""

from crm.bounces import (
    addresses,
    answers,
    diagnosing,
    mime,
    notices,
    originals,
    phases,
    recognising,
    reports,
    status,
)
from crm.bounces.feedback import Feedback, feedback_of
from crm.bounces.notice import Notice, notice_of, receipt_fields
from crm.bounces.words import GRAVITY, Kind, Outcome, Reason, Report

# A mail of ours has one recipient; more are read as far as the time for one mail goes.
MAX_OUTCOMES = 60
MAX_INSIDE = 3
_OURS = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to")


def read(raw: bytes) -> Report:
    """Say what a mail tells about mails that were sent; any bytes at all give a report."""
    return _read(mime.read(raw), 0)


def _read(mail: mime.Mail, depth: int) -> Report:
    notice = notice_of(mail)
    feedback = feedback_of(mail, notice.original)
    if feedback is not None:
        return _report(notice, feedback.outcomes, feedback)
    receipt = receipt_fields(mail)
    if receipt or mail.report_type == "disposition-notification":
        return _report(notice, _of_receipt(notice, receipt))
    outcomes = _by_fields(notice, notice.fields) or _by_words(notice)
    if not any(one.reason is not Reason.UNDEFINED for one in outcomes):
        inside = _inside(notice, depth)
        if inside is not None:
            return inside
    outcomes = outcomes or _by_original(notice)
    if outcomes or not answers.is_automatic_reply(mail) or mail.report_type:
        return _report(notice, outcomes)
    return _report(notice, (_about_sender(mail, Reason.VACATION),))


def _by_fields(notice: Notice, fields: str) -> tuple[Outcome, ...]:
    groups = [group for group in reports.groups_in(fields) if group.is_about_a_recipient]
    is_single = len(groups) == 1
    made = [_of_group(group, notice, is_single) for group in groups[:MAX_OUTCOMES]]
    # Of two groups about one person the later tells how it ended.
    last = {one.address.lower(): one for one in made if one.address}
    return tuple(last.values())


def _of_group(group: reports.Group, notice: Notice, is_single: bool) -> Outcome:
    final = reports.address_of(group.get("final-recipient"))
    first = reports.original_of(group.get("original-recipient"), final)
    actual = reports.address_of(group.get("x-actual-recipient"))
    address = next((one for one in (final, first, actual) if "@" in one), final or first)
    if is_single and first and f"original address: {first.lower()}" in notice.words.lower():
        address = first  # the server that says so names its own inner address beside it
    diagnostic = "\n".join(group.all("diagnostic-code"))
    said = diagnosing.without_type(diagnostic)
    about = notices.words_about(notice.words, address) if "@" in address else ""
    code = status.enhanced_in(group.get("status"))
    if not code or status.is_vague(code):
        code = status.enhanced_in(said) or status.enhanced_in(about) or code
    action = group.get("action").lower().split("(")[0].split(";")[0].strip()
    reply = status.reply_in(said) or status.reply_in(about)
    reason = diagnosing.reason_for(
        layers=(
            f"{diagnosing.quoted(diagnostic)}\n{group.get('status')}",
            about,
            diagnostic.partition(";")[0][:60] + ";",
            notice.words if is_single else "",
        ),
        code=code,
        reply=reply,
        action=action,
        command=_command(f"{said}\n{about}", reply, notice, address, is_single),
        category=group.get("x-powermta-bouncecategory"),
    )
    return Outcome(
        address=address,
        reason=reason,
        action=action,
        status=code,
        reply=reply,
        diagnostic=said[:1_000],
        original_address=first,
        remote_host=group.get("remote-mta").partition(";")[2].strip()[:255],
    )


def _by_words(notice: Notice) -> tuple[Outcome, ...]:
    failed = notice.mail.all("x-failed-recipients")
    named = addresses.distinct([one.address for value in failed for one in addresses.find(value)])
    if not named and not notice.is_one:
        return ()
    expected = originals.recipients(notice.original)
    told = notices.mentions(
        notice.words, others=notice.others, expected=expected, domain=_domain_of(notice)
    )
    if named and not _contradicts(told, named, expected, notice.words):
        told = [notices.Mention(one, notices.words_about(notice.words, one)) for one in named]
    is_single = len(told) == 1
    return tuple(_of_mention(one, notice, is_single) for one in told[:MAX_OUTCOMES])


def _contradicts(
    told: list[notices.Mention], named: list[str], expected: list[str], words: str
) -> bool:
    """Whether the words speak of whom it was written to, and of nobody whom the header names."""
    small, wanted = words.lower(), {one.lower() for one in expected}
    is_silent = not any(one.lower() in small for one in named)
    return is_silent and bool(told) and all(one.address.lower() in wanted for one in told)


def _domain_of(notice: Notice) -> str:
    """The domain of the server that sends a notice."""
    sender = addresses.first_in(notice.mail.header("from"))
    return sender.rpartition("@")[2].lower() if addresses.is_system(sender) else ""


def _by_original(notice: Notice) -> tuple[Outcome, ...]:
    """A notice that names nobody is about whom the original was written to."""
    expected = originals.envelope_recipients(notice.original) if notice.is_one else []
    return tuple(
        _of_mention(notices.Mention(address, ""), notice, True) for address in expected[:1]
    )


def _of_mention(mention: notices.Mention, notice: Notice, is_single: bool) -> Outcome:
    subject = notice.mail.header("subject")
    whole = notice.words if is_single else ""
    code = status.enhanced_in(mention.words) or status.enhanced_in(whole)
    reply = status.reply_in(mention.words) or status.reply_in(whole)
    action = _action(notice, subject)
    reason = diagnosing.reason_for(
        layers=(mention.words, whole, subject),
        code=code,
        reply=reply,
        action=action,
        command=_command(mention.words, reply, notice, mention.address, is_single),
    )
    return Outcome(
        address=mention.address,
        reason=reason,
        action=action,
        status=code,
        reply=reply,
        diagnostic=" ".join((mention.words or whole).split())[:1_000],
        original_address=notices.alias_of(notice.words, mention.address),
    )


def _action(notice: Notice, subject: str) -> str:
    if recognising.tells_of_arrival(notice.mail, notice.words):
        return "delivered"
    return "delayed" if recognising.is_delay(subject, notice.words) else "failed"


def _command(words: str, reply: str, notice: Notice, address: str, is_single: bool) -> str:
    """The command that was refused; MAIL too where only the sender's address is spoken of."""
    senders = originals.senders(notice.original)
    if _is_about(senders, words.lower().split("\n"), address.lower()):
        return "MAIL"
    told = phases.command_in(f"{words}\n{notice.words}" if is_single else words)
    return told or phases.command_of(reply)


def _is_about(senders: list[str], lines: list[str], address: str) -> bool:
    """Whether words, or a reply among them, speak of a sender and not of the recipient."""
    small = [one.lower() for one in senders if one.lower() != address]
    speaking = [line for line in lines if any(one in line for one in small)]
    if not any(address in line for line in lines):
        return bool(speaking)
    return any(status.reply_in(line)[:1] in {"4", "5"} and address not in line for line in speaking)


def _inside(notice: Notice, depth: int) -> Report | None:
    """What a notice says that this mail only carries, attached or pasted."""
    if depth >= MAX_INSIDE:
        return None
    carried = list(notice.mail.attached)
    if notice.pasted and not carried:
        carried.append(mime.read(notice.pasted.encode("utf-8", "replace")))
    for mail in carried:
        report = _read(mail, depth + 1)
        if report.outcomes and (report.is_bounce or report.kind is Kind.COMPLAINT):
            return report
    return None


def _of_receipt(notice: Notice, fields: str) -> tuple[Outcome, ...]:
    """Who displayed a mail; or who never will, as a program deleted it and says that it refused."""
    small = fields.lower()
    if "automatic-action" in small and "deleted" in small:
        refused = recognising.has_failure_subject(notice.mail)
        outcomes = _by_fields(notice, fields) if refused else ()
        if outcomes:
            return outcomes
    return (_about_sender(notice.mail, Reason.DISPLAYED),)


def _about_sender(mail: mime.Mail, reason: Reason) -> Outcome:
    fields = ("from", "reply-to", "return-path")
    found = [addresses.first_in(mail.header(name)) for name in fields]
    return Outcome(next((one for one in found if one), ""), reason)


def _report(
    notice: Notice, outcomes: tuple[Outcome, ...], feedback: Feedback | None = None
) -> Report:
    kinds = {one.kind for one in outcomes}
    ours = [value for name in _OURS for value in notice.mail.all(name)]
    ours += [value for name, value in notice.original if name == "return-path"]
    ours += [feedback.return_path] if feedback else []
    ids = [value for name, value in notice.original if name == "message-id"]
    ids += [notice.mail.header("in-reply-to"), *notice.mail.header("references").split()[:20]]
    groups = reports.groups_in(notice.fields)
    return Report(
        kind=next((kind for kind in GRAVITY if kind in kinds), Kind.NOTHING),
        outcomes=outcomes,
        returned_to=tuple(
            addresses.distinct([one.address for value in ours for one in addresses.find(value)])
        ),
        message_ids=tuple(dict.fromkeys(x.strip("<> ")[:250] for x in ids if x.strip("<> "))),
        envelope_id=groups[0].get("original-envelope-id")[:250] if groups else "",
        feedback_type=feedback.feedback_type if feedback else "",
        reporter=feedback.reporter if feedback else "",
    )
