"""Collects every string that people read, unfold's own among them, and compiles the catalogue."""

from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

LANGUAGE = "zh_Hans"
# unfold ships no translations: its strings are collected beside ours.
BORROWED = "unfold_strings"
IGNORED = ["var/*", ".venv/*", "tests/*", "benchmarks/*", "docs/*", "*/static/*"]


class Command(BaseCommand):
    """Brings the Simplified Chinese catalogue up to date; needs GNU gettext and polib."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        with unfold_beside_us():
            call_command(
                "makemessages",
                locale=[LANGUAGE],
                ignore_patterns=IGNORED,
                symlinks=True,
                no_location=True,
                no_obsolete=True,
                verbosity=0,
            )
        missing = complete(catalogue_path())
        if missing:
            raise CommandError(f"{missing} strings of {catalogue_path()} wait for a translation.")
        self.stdout.write("Every string is translated.")


def catalogue_path() -> Path:
    """The catalogue of all our strings."""
    return Path(settings.LOCALE_PATHS[0]) / LANGUAGE / "LC_MESSAGES" / "django.po"


@contextmanager
def unfold_beside_us() -> "Iterator[None]":
    """Let the collector find unfold's sources inside the project for a moment."""
    unfold = find_spec("unfold")
    assert unfold is not None
    assert unfold.submodule_search_locations is not None
    link = Path(settings.BASE_DIR) / BORROWED
    link.unlink(missing_ok=True)
    link.symlink_to(unfold.submodule_search_locations[0])
    try:
        yield
    finally:
        link.unlink()


def complete(path: Path) -> int:
    """Fill in what Django has translated already, compile, and count what is still missing."""
    import polib

    catalogue = polib.pofile(str(path), wrapwidth=100)
    known = djangos_words()
    for entry in catalogue:
        same = known.get((entry.msgctxt, entry.msgid))
        if same and not entry.translated():
            fill(entry, same)
    catalogue.header = "Simplified Chinese of Rapport and of the parts of unfold it shows."
    catalogue.metadata_is_fuzzy = False
    catalogue.metadata = {
        "Language": LANGUAGE,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": "nplurals=1; plural=0;",
    }
    catalogue.save()
    catalogue.save_as_mofile(str(path.with_suffix(".mo")))
    return len(catalogue.untranslated_entries()) + len(catalogue.fuzzy_entries())


def fill(entry: Any, same: Any) -> None:
    """Copy a translation."""
    entry.msgstr = same.msgstr
    entry.msgstr_plural = dict(same.msgstr_plural)
    entry.flags = [flag for flag in entry.flags if flag != "fuzzy"]


def djangos_words() -> dict[tuple[str | None, str], Any]:
    """Django's own translations by context and string."""
    import django
    import polib

    folder = Path(django.__file__).parent
    return {
        (entry.msgctxt, entry.msgid): entry
        for path in sorted(folder.rglob(f"locale/{LANGUAGE}/LC_MESSAGES/django.po"))
        for entry in polib.pofile(str(path))
        if entry.translated()
    }
