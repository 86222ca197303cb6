"""Templates in MJML become HTML, once, with their Jinja tags out of the compiler's sight."""

import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment

from crm.rendering.errors import FAILED, SYNTAX, TOO_BIG, TOO_SLOW, RenderError
from crm.rendering.guard import parse
from crm.rendering.limits import MAX_SOURCE
from crm.rendering.masks import Masked, mask
from crm.rendering.mjml_elements import check_elements
from crm.rendering.origins import is_mark, mark, origins_of, traced

_WORKER = Path(__file__).with_name("mjml_worker.py")
_ENVIRONMENT = Environment(autoescape=True, cache_size=0)  # reads only, runs nothing
_SECONDS = 10  # by the clock on the wall; of the processor's time the worker gives itself less
_ENDS = re.compile(r"</mjml\s*>", re.IGNORECASE)
_BEGINS = re.compile(r"<mjml[\s>]", re.IGNORECASE)
_ELEMENT = re.compile(r"<(mj-[a-z-]+|mjml)\b", re.IGNORECASE)
_EXTENDS = re.compile(r"\{%[-+]?\s*extends\b")
_TEXTS = re.compile(r"<(mj-title|mj-preview|mj-style)\b[^<>]*>")
_INLINE = re.compile(r"(<mj-style\b[^<>]*?)\s+inline\s*=\s*(?:\"inline\"|'inline')")
_POSITION = re.compile(r" ?(?:in root template)?(?: at position (\d+):\d+)?$")


def is_mjml(source: str) -> bool:
    """Whether a source is written in MJML."""
    return _BEGINS.search(source) is not None


def standing_alone(source: str) -> str:
    """A part of an MJML document with around it what it needs; whatever is none stays."""
    first = _ELEMENT.search(source)
    if first is None or is_mjml(source) or _EXTENDS.search(source):
        return source
    if first[1].lower() in {"mj-section", "mj-wrapper", "mj-hero"}:
        return f"<mjml><mj-body>{source}</mj-body></mjml>"
    column = f"<mj-section><mj-column>{source}</mj-column></mj-section>"
    return f"<mjml><mj-body>{column}</mj-body></mjml>"


@lru_cache(maxsize=64)
def to_html(source: str) -> str:
    """The HTML of a source in MJML; one in HTML stays as it is. RenderError says what is wrong.

    What stands before the first element, such as `set` and `import`, is put before the HTML.
    """
    if not _ELEMENT.search(source):
        return source
    parse(_ENVIRONMENT, source)
    masked = mask(source)
    start, end = _root(masked.text)
    _check_outside(masked, 0, start)
    _check_outside(masked, end, len(masked.text))
    if not end:
        return source
    root = masked.text[start:end]
    check_elements(root, lambda place: _line(masked, start + place))
    inner = _prepared(masked, root)
    made = _restored(source, masked, inner, _compiled(masked, inner, start))
    before, after = masked.text[:start].strip(), masked.text[end:].strip()
    made = masked.restore(before) + made + masked.restore(after)
    if len(made) > MAX_SOURCE:
        raise RenderError(TOO_BIG, f"The HTML of this MJML has over {MAX_SOURCE:,} characters.")
    return made


def _root(text: str) -> tuple[int, int]:
    """Where the document begins and ends; (0, 0) where there is none."""
    begins = _BEGINS.search(text)
    ends = list(_ENDS.finditer(text))
    if begins is None or not ends or ends[-1].end() < begins.start():
        return 0, 0
    return begins.start(), ends[-1].end()


def _check_outside(masked: Masked, start: int, end: int) -> None:
    found = _ELEMENT.search(masked.text, start, end)
    if found:
        message = f"<{found[1]}> stands outside of <mjml>; a macro with MJML goes where it is used."
        raise RenderError(SYNTAX, message, _line(masked, found.start()))


def _line(masked: Masked, place: int) -> int:
    """The line of the source that a place in its masked text is on."""
    return masked.restore(masked.text[:place]).count("\n") + 1


def _prepared(masked: Masked, text: str) -> str:
    """What the compiler reads: no comments where it takes texts, styles for our own inliner."""
    stand_in = re.compile(rf"<!--({masked.mark}\d+x)-->")
    pieces, place = [], 0
    for begin in _TEXTS.finditer(text):
        end = text.find(f"</{begin[1]}", begin.end())
        if begin.start() < place or end < 0:
            continue
        pieces += [text[place : begin.end()], stand_in.sub(r"\1", text[begin.end() : end])]
        place = end
    return _INLINE.sub(r"\1", "".join([*pieces, text[place:]]))


def _compiled(masked: Masked, text: str, begins: int) -> str:
    """What the compiler makes of it, in a process of its own: it may run out of stack or memory."""
    try:
        ended = subprocess.run(
            [sys.executable, "-I", str(_WORKER)],
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RenderError(TOO_SLOW, "The MJML takes too long to compile.") from None
    if ended.returncode == 0:
        return ended.stdout.decode()
    if ended.returncode < 0 or not ended.stderr:
        raise RenderError(TOO_BIG, "The MJML is too much for its compiler.")
    said = ended.stderr.decode(errors="replace").splitlines()[-1]
    if said == "MemoryError":
        raise RenderError(TOO_BIG, "The MJML needs too much memory.")
    where = _POSITION.search(said)
    if not where or not where[1]:
        raise RenderError(SYNTAX, f"MJML: {_POSITION.sub('', said)}.")
    lines = text.encode()[: int(where[1])].decode(errors="replace").count("\n")
    place = sum(map(len, masked.text[begins:].splitlines(keepends=True)[:lines]))
    message = f"MJML: {_POSITION.sub('', said)}; no Jinja tag or element may stand there."
    raise RenderError(SYNTAX, message, _line(masked, begins + place))


def _restored(source: str, masked: Masked, asked: str, made: str) -> str:
    """The HTML with its tags back, each between elements marked with the line it comes from."""
    between = re.compile(rf"<!--{masked.mark}(\d+)x-->")
    order = [int(number) for number in between.findall(asked)]
    if (left := _ELEMENT.search(made)) is not None:
        raise RenderError(SYNTAX, f"<{left[1]}> stands where MJML does not take it.")
    _check_kept(masked, asked, made, order)
    lines = _lines(source, masked)

    def with_mark(found: re.Match[str]) -> str:
        number = int(found[1])
        tag = masked.tags[number]
        return "" if is_mark(tag) else mark(*lines[number]) + tag

    return masked.restore(between.sub(with_mark, made))


def _check_kept(masked: Masked, asked: str, made: str, order: list[int]) -> None:
    """Refuse what would lose a tag, or change the order of those between elements."""
    kept = set(masked.numbers(made))
    for number in masked.numbers(asked):
        tag = masked.tags[number]
        if number not in kept and not tag.startswith("{#"):
            place = masked.text.index(f"{masked.mark}{number}x")
            message = f"MJML leaves out what stands here: {tag[:60]}"
            raise RenderError(SYNTAX, message, _line(masked, place))
    between = re.findall(rf"<!--{masked.mark}(\d+)x-->", made)
    if [int(number) for number in between] != [number for number in order if number in kept]:
        raise RenderError(FAILED, "MJML moves what stands between its elements.")


def _lines(source: str, masked: Masked) -> list[tuple[str, int]]:
    """Of every tag the snippet and the line it begins on."""
    origins, found, line = origins_of(source), [], 1
    pieces = re.split(rf"<!--{masked.mark}\d+x-->|{masked.mark}\d+x", masked.text)
    for piece, tag in zip(pieces, masked.tags, strict=False):
        line += piece.count("\n")
        found.append(traced(line, origins))
        line += tag.count("\n")
    return found
