"""Notices in free words: which addresses one is about, and what it says of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from crm.bounces import addresses

MAX_LINES = 400
MAX_LINE = 1_000
_BLOCK_LINES = 25
# What may stand before an address at the beginning of its line.
_LEAD = re.compile(
    r"^[\s>*#|\-\u2022\u25cf\d.)(\[]{0,40}(?:<?mailto:)?[<\"'\[(]{0,3}$", re.IGNORECASE
)
_LABELS = (
    "recipient",
    "final-recipient",
    "original-recipient",
    "failed recipient",
    "recipient address",
    "recipients",
    "user",
    "mailbox",
    "address",
    "addressee",
    "e-mail address",
    "email address",
    "failed address",
    "failed addresses",
    "destination",
    "intended recipient",
    "delivery failed",
    "delivery failed to",
    "delivery to",
    "rcpt to",
    "undelivered to",
    "unable to deliver message to",
    "unable to deliver to",
    "failed to deliver to",
    "could not be delivered to",
    "did not reach the following recipient",
    "following recipient",
    "destinataire",
    "destinatario",
    "destinatário",
    "empfänger",
    "получатель",
    "адресат",
    "収件人",
    "收件人",
    "宛先",
    "送信先",
    "受信者",
)
_NAME = re.compile(r"<?[A-Za-z0-9][\w.+-]{1,60}>?:?$")
# How Sendmail ends what it tells of a recipient: the session with the server stands above.
_TRANSCRIBED = re.compile(r"[245]\d\d (?:[245]\.\d\.\d{1,3} )?<?[^\s<>]{1,200}>?\.\.\. ")
_FAILING = (
    "following",
    "recipient",
    "deliver",
    "undeliver",
    "failed",
    "failure",
    "unknown",
    "rejected",
    "no such",
    "not found",
    "could not",
    "couldn't",
    "unable",
    "cannot",
    "can't",
    "does not",
    "doesn't",
    "not exist",
    "invalid",
    "quota",
    "full",
    "rcpt to",
    "bounce",
    "reach",
    "over ",
    "disabled",
    "refused",
    "denied",
    "not accept",
    "unavailable",
    "sent to",
    "message to",
    "mail to",
    "送信",
    "配信",
    "宛",
    "发送",
    "投递",
    "退信",
    "не ",
    "nicht",
    "n'a pas",
    "no ",
    "non ",
    "550",
    "554",
    "553",
    "552",
    "450",
    "5.1.1",
)
_TO = re.compile(r"^\s{0,20}(?:to|an|à|para|destino|кому)\s{0,9}:", re.IGNORECASE)
_ABOUT_OTHERS = (
    "contact",
    "assistance",
    "help",
    "please send",
    "please forward",
    "questions",
    "mail from",
    "sender",
    "from:",
    "sent by",
    "reply to",
    "reply-to",
    "message-id",
    "message id",
    "support",
    "if you believe",
    "report",
    "rewritten",
    "generated from",
    "by mail to",
    "received from",
    "message from",
    "mail from",
    "original sender",
    "unsubscribe",
    "helo",
    "ehlo",
    "abuse@",
    "subject:",
    "送信者",
    "发件人",
)


@dataclass(frozen=True, slots=True)
class Mention:
    """An address that a notice is about, and the words around it."""

    address: str
    words: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    address: str
    line: int
    tier: int


def mentions(
    text: str, *, others: Sequence[str], expected: Sequence[str] = (), domain: str = ""
) -> list[Mention]:
    """Whom a notice is about: of the candidates the most certain, each with its words.

    `others` are addresses that it is not about (who gets it, who sends it, who wrote the
    original); `expected` those that the original was written to; `domain` is that of the server,
    which may call its own people by their names alone.
    """
    lines = [line[:MAX_LINE] for line in text.split("\n")[:MAX_LINES]]
    excluded = {address.lower() for address in others}
    wanted = {address.lower() for address in expected}
    found = [one for index, line in enumerate(lines) for one in _in_line(lines, index, line)]
    found = [one for one in found if not addresses.is_system(one.address)]
    ours = [one for one in found if one.address.lower() not in excluded - wanted]
    chosen = _best(ours, wanted) or [one for one in found if one.tier == 1] or _vague(ours)
    chosen = chosen or _without_domain(lines, domain)
    return _with_words(lines, chosen)


def _without_domain(lines: list[str], domain: str) -> list[_Candidate]:
    """Names that stand alone after a line that announces recipients."""
    for index, line in enumerate(lines[:-1]):
        if "recipient" not in line.lower() and "address" not in line.lower():
            continue
        following = [at for at in range(index + 1, min(len(lines), index + 4)) if lines[at].strip()]
        name = lines[following[0]].strip() if following else ""
        if domain and _NAME.match(name):
            return [_Candidate(f"{name.strip('<>:')}@{domain}", following[0], 1)]
    return []


def alias_of(text: str, address: str) -> str:
    """The address that was written to, where an alias led from it to the one that failed."""
    small = address.lower()
    lines = text.split("\n")[:MAX_LINES]
    for index, line in enumerate(lines):
        if small in line.lower():
            _, told, rest = " ".join(lines[index : index + 2])[:MAX_LINE].partition(
                "generated from"
            )
            return addresses.first_in(rest) if told else ""
    return ""


def words_about(text: str, address: str) -> str:
    """The lines of a notice that name an address, each with its paragraph, and each line once."""
    lines = [line[:MAX_LINE] for line in text.split("\n")[:MAX_LINES]]
    small = address.lower()
    named = [index for index, line in enumerate(lines) if small in line.lower()]
    kept = sorted({at for index in named[:10] for at in _paragraph(lines, index)})
    return "\n".join(lines[at] for at in kept)


def _best(found: list[_Candidate], wanted: set[str]) -> list[_Candidate]:
    certain = [one for one in found if one.tier == 1]
    return certain or [one for one in found if one.address.lower() in wanted]


def _vague(found: list[_Candidate]) -> list[_Candidate]:
    for tier in (2, 3, 4):
        chosen = [one for one in found if one.tier == tier]
        if chosen:
            return chosen
    return []


def _paragraph(lines: list[str], index: int) -> range:
    """Where the rest of a paragraph stands."""
    end = index + 1
    while end < min(len(lines), index + _BLOCK_LINES) and lines[end].strip():
        end += 1
    return range(index, end)


def _in_line(lines: list[str], index: int, line: str) -> list[_Candidate]:
    found = addresses.find(line)
    return [
        _Candidate(one.address, index, _tier(lines, index, line, one, position))
        for position, one in enumerate(found)
    ]


def _tier(lines: list[str], index: int, line: str, one: addresses.Found, position: int) -> int:
    before = line[: one.start].lower()
    small = line.lower()
    if any(word in before for word in _ABOUT_OTHERS) and "rcpt to" not in before:
        return 4 if "generated from" in before else 5
    starts = _LEAD.match(before) and _ends_well(line[one.end :])
    if starts or _is_labelled(before) or "rcpt to" in before:
        return 1
    if position and _only_addresses(line):
        return 1
    above = lines[index - 1].lower() if index else ""
    fails = any(word in text for word in _FAILING for text in (small, above))
    return 2 if fails or _TO.match(before) else 3


def _ends_well(rest: str) -> bool:
    """Whether what follows an address at the beginning of a line still speaks of it."""
    rest = rest.lstrip(">\"')] \t")
    if not rest or rest[0] in ":;,-([.<{=":
        return True
    small = rest.lower()
    return small.startswith(
        ("on ", "...", "user", "is ", "failed", "has ", "does ", "unknown", "no ")
    )


def _is_labelled(before: str) -> bool:
    label = before.strip(" \t<\"'([*-").rstrip()
    if not label.endswith((":", "：", ";", "=")):
        return False
    label = label.replace("rfc822;", "").rstrip(":：;= \t").strip(" *-(\"'")
    return label.endswith(_LABELS) and len(label) < 80


def _only_addresses(line: str) -> bool:
    return not addresses.without(line).strip("@,;<> \t").strip()


def _with_words(lines: list[str], chosen: list[_Candidate]) -> list[Mention]:
    order = addresses.distinct([one.address for one in chosen])
    if len(order) <= 1:
        return [Mention(address, words_about("\n".join(lines), address)) for address in order]
    return [Mention(address, _words_about(lines, chosen, address)) for address in order]


def _span(lines: list[str], starts: list[int], line: int) -> tuple[int, int]:
    """The lines that belong to a mention; in a transcript of a session those that lead to it."""
    if _TRANSCRIBED.match(lines[line]):
        first = max([0, line - _BLOCK_LINES, *(start + 1 for start in starts if start < line)])
        blank = [at for at in range(first, line) if not lines[at].strip()]
        return (blank[-1] + 1 if blank else first), line + 1
    later = [start for start in starts if start > line]
    return line, min(later[0] if later else len(lines), line + _BLOCK_LINES)


def _words_about(lines: list[str], chosen: list[_Candidate], address: str) -> str:
    """The lines from each mention of an address to the mention of another."""
    small = address.lower()
    starts = sorted({one.line for one in chosen})
    kept: list[str] = []
    for one in chosen:
        if one.address.lower() != small:
            continue
        kept += lines[slice(*_span(lines, starts, one.line))]
    kept += [line for line in lines if small in line.lower() and line not in kept]
    return "\n".join(kept)
