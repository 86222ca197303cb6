"""A mail taken as a notice: its own words, its machine-read fields, and the original it returns."""

from dataclasses import dataclass, replace

from crm.bounces import addresses, mime, originals, recognising, reports

_PLAIN = frozenset({"text/plain", "text/x-preamble"})
_OTHER = frozenset({"text/html", "text/x-epilogue"})
_STATUS = "message/delivery-status"
_RECEIPT = "message/disposition-notification"
_MAX_TEXTS = 6
_STATUS_TYPES = frozenset({_STATUS, "message/global-delivery-status"})


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail with its own words apart from what it returns."""

    mail: mime.Mail
    words: str
    fields: str = ""
    original: mime.Headers = ()
    pasted: str = ""

    @property
    def others(self) -> list[str]:
        """Addresses that it is not about: who sends it, who gets it, who wrote the original."""
        fields = ("from", "sender", "reply-to", "to", "delivered-to", "x-original-to")
        values = [value for name in fields for value in self.mail.all(name)]
        own = [one.address for value in values for one in addresses.find(value)]
        return own + originals.senders(self.original)

    @property
    def names_whom_it_was_for(self) -> bool:
        """Whether its own words name somebody whom the original was written to."""
        small = self.words.lower()
        return any(one.lower() in small for one in originals.recipients(self.original))

    @property
    def tells_a_reason(self) -> bool:
        """Whether a few words of its own name somebody, and say why nothing reached them."""
        return recognising.tells_a_reason(self.words) and bool(addresses.find(self.words))

    @property
    def is_one(self) -> bool:
        """Whether it tells at all that a mail did not arrive."""
        if self.mail.report_type == "delivery-status":
            return True
        if recognising.answers_for_a_person(self.mail):
            return False  # who is away may write of mails that did not arrive
        subject = recognising.has_failure_subject(self.mail)
        system = recognising.is_from_a_system(self.mail)
        words = recognising.has_failure_words(self.words)
        if originals.has_trace(self.original) and self.names_whom_it_was_for:
            return subject or words or recognising.tells_a_reason(self.words)
        if recognising.tells_of_arrival(self.mail, self.words):
            return True
        told = words or recognising.quotes_a_refusal(self.words)
        return (subject and (system or words)) or (system and (told or self.tells_a_reason))


def notice_of(mail: mime.Mail) -> Notice:
    """Take a mail apart as a notice."""
    texts = [part for part in mail.parts if part.text.strip()]
    plain = [x.text for x in texts if x.media_type in _PLAIN]
    words, pasted = _words(plain or [x.text for x in texts if x.media_type in _OTHER])
    fields = "\n\n".join(x.text for x in texts if x.media_type in _STATUS_TYPES)
    if not fields and reports.has_status(words):
        fields = words
    notice = Notice(mail, words, fields, pasted=pasted)
    if mail.attached:
        return replace(notice, original=mail.attached[0].headers)
    return replace(notice, original=mime.headers_in(pasted) if pasted else ())


def receipt_fields(mail: mime.Mail) -> str:
    """The fields of a disposition notification (RFC 8098), or nothing."""
    return next((part.text for part in mail.parts if part.media_type == _RECEIPT), "")


def _words(texts: list[str]) -> tuple[str, str]:
    words = ""
    for text in texts[:_MAX_TEXTS]:
        before, pasted = originals.split(text)
        words += before + "\n"
        if pasted:
            return words, pasted
    return words, ""
