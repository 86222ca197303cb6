"""Starters: what a new template can begin with, from templates/messages/<name>/<language>/."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from crm.choices import Channel

# What those that we bring are called; one that somebody added, as its folder is.
_TITLES = {
    "letter": _("Letter"),
    "newsletter": _("Newsletter"),
    "newsletter_mjml": _("Newsletter in MJML"),
    "recommended": _("Recommended for you"),
    "recommended_mjml": _("Recommended for you in MJML"),
    "sms": _("SMS"),
}


@dataclass(frozen=True)
class Starter:
    """Ready content in one language; its key is the folder it lies in."""

    key: str
    channel: str
    subject: str
    html: str
    text: str

    @property
    def title(self) -> str:
        """What it is called in the list."""
        name, _slash, language = self.key.partition("/")
        told: dict[str, Any] = get_language_info(language)
        words = _TITLES.get(name) or name.replace("_", " ").capitalize()
        return f"{words} · {told['name_local']}"


def find(key: str) -> Starter | None:
    """The starter of this key, if there is one."""
    return next((starter for starter in every() if starter.key == key), None)


def every() -> list[Starter]:
    """All starters, by name and language."""
    folder = Path(settings.BASE_DIR) / "templates" / "messages"
    spoken = {code for code, _name in settings.LANGUAGES}
    found = [place for place in sorted(folder.glob("*/*/")) if place.name in spoken]
    return [_read(place) for place in found]


def _read(place: Path) -> Starter:
    html, text = _text(place / "body.html"), _text(place / "body.txt")
    subject = _text(place / "subject.txt").strip()
    channel = Channel.EMAIL if html or subject else Channel.SMS
    if channel == Channel.SMS:
        text = text.strip()
    return Starter(f"{place.parent.name}/{place.name}", channel, subject, html, text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
