"""People: rows of a file read column by column into what the staging table takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from json import dumps
from json.encoder import encode_basestring
from typing import Any

from crm.choices import AttributeType
from crm.choices import RejectReason as Reason
from crm.spreadsheets import unquote

from . import addresses, cells, targets
from .mapping import Plan
from .names import split_name
from .tables import Numbered, Row

TEXTS = tuple(targets.LENGTHS)
_READERS: dict[str, tuple[cells.Reader, Reason]] = {
    "country": (cells.country, Reason.BAD_COUNTRY),
    "language": (cells.language, Reason.BAD_LANGUAGE),
    "time_zone": (cells.time_zone, Reason.BAD_TIME_ZONE),
}
_FEW = 5_000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is not taken, and why: the reason, and the heading of the cell."""

    line: int
    reason: str
    heading: str
    row: Row


@dataclass(frozen=True, slots=True)
class Consent:
    """What a row says about a channel; the place is that of the row in its batch."""

    place: int
    channel: str
    state: str
    source: str
    decided_at: str


@dataclass(slots=True)
class Batch:
    """Rows that can be taken, as columns of one length, and those that cannot."""

    lines: list[int]
    texts: dict[str, list[str]]
    attributes: list[str]
    created_at: list[str]
    consents: list[Consent] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


class Reader:
    """Reads batches of rows by one plan; remembers what few-valued columns said before."""

    def __init__(self, *, plan: Plan, is_typed: bool) -> None:
        self._plan, self._is_typed = plan, is_typed
        self._width = len(plan.columns)
        self._memory: dict[tuple[int, str], dict[Any, Any]] = {}
        self._phone = addresses.phone(country=plan.options.default_country.upper())

    def read(self, rows: Sequence[Numbered]) -> Batch:
        """Every row as a person, or rejected with the first reason that fits."""
        whole = [row for row in rows if len(row[1]) == self._width]
        rejected = [
            Rejected(line, Reason.COLUMNS, "", row) for line, row in rows if len(row) != self._width
        ]
        batch = _Reading(self, whole).batch() if whole else Batch([], {}, [], [])
        batch.rejected = sorted([*rejected, *batch.rejected], key=lambda bad: bad.line)
        return batch

    def remembered(self, at: int, read: cells.Reader, values: Sequence[Any]) -> list[Any]:
        """Each value read once, as long as a column has few of them."""
        memory = self._memory.setdefault((at, getattr(read, "__qualname__", "")), {})
        if len(memory) > _FEW:
            memory.clear()
        for value in set(values) - memory.keys():
            memory[value] = read(value)
        return [memory[value] for value in values]


class _Reading:
    """One batch on its way from cells to columns."""

    def __init__(self, reader: Reader, rows: Sequence[Numbered]) -> None:
        self._reader, self._rows = reader, rows
        self._plan = reader._plan
        self._bad: dict[int, tuple[Reason, str]] = {}
        self._columns: list[Sequence[Any]] = list(zip(*(row for _, row in rows), strict=True))
        self._none = [""] * len(rows)

    def batch(self) -> Batch:
        texts = {name: self._texts(name) for name in TEXTS if name != "phone"}
        texts["phone"] = self._phones(texts["country"])
        self._whole_names(texts)
        attributes = self._attributes()
        created_at = self._moments("created_at")
        consents = self._consents()
        self._need_a_handle(texts)
        self._refuse_letters([*texts.values(), attributes])
        return self._kept(texts, attributes, created_at, consents)

    def _cells(self, at: int) -> list[str]:
        values: Iterable[Any] = self._columns[at]
        if self._reader._is_typed:
            values = [value if isinstance(value, str) else _as_text(value) for value in values]
        elif "\n'" in "\n" + "\n".join(self._columns[at]):
            values = map(unquote, self._columns[at])
        return list(values)

    def _texts(self, name: str) -> list[str]:
        at = self._plan.column_of(name)
        if at is None:
            return self._none
        values = [text.strip() for text in self._cells(at)]
        if name in _READERS:
            read, reason = _READERS[name]
            return self._noting(at, reason, self._reader.remembered(at, read, values))
        if name == "email":
            return self._noting(at, Reason.BAD_EMAIL, list(map(addresses.email, values)))
        self._refuse_long(at, values, targets.LENGTHS[name])
        return values

    def _phones(self, countries: Sequence[str]) -> list[str]:
        at = self._plan.column_of("phone")
        if at is None:
            return self._none
        values = list(map(self._reader._phone, self._cells(at), countries))
        return self._noting(at, Reason.BAD_PHONE, values)

    def _whole_names(self, texts: dict[str, list[str]]) -> None:
        at = self._plan.column_of("full_name")
        if at is None:
            return
        values = self._cells(at)
        self._refuse_long(at, values, 150)
        parts = [split_name(text=text) for text in values]
        for name, own in (("first_name", 0), ("last_name", 1)):
            texts[name] = [told or part[own] for told, part in zip(texts[name], parts, strict=True)]

    def _moments(self, target: str) -> list[str]:
        at = self._plan.column_of(target)
        if at is None:
            return self._none
        read = cells.moment(order=self._plan.options.date_order)
        values = self._reader.remembered(at, read, self._cells(at))
        return self._noting(at, Reason.BAD_DATE, values)

    def _attributes(self) -> list[str]:
        parts = [
            self._attribute(at, column.target.removeprefix(targets.ATTRIBUTE), column.type)
            for at, column in enumerate(self._plan.columns)
            if column.target.startswith(targets.ATTRIBUTE)
        ]
        if not parts:
            return ["{}"] * len(self._rows)
        return [f"{{{','.join(filter(None, told))}}}" for told in zip(*parts, strict=True)]

    def _attribute(self, at: int, name: str, kind: str) -> list[str]:
        """Each cell as a member of a JSON object; an empty cell as nothing."""
        label = encode_basestring(name)
        if self._reader._is_typed and kind == AttributeType.TEXT:
            values: Sequence[Any] = self._columns[at]
            return [
                f"{label}:{dumps(value, ensure_ascii=False)}" if value not in ("", None) else ""
                for value in values
            ]
        texts = self._cells(at)
        if kind == AttributeType.TEXT:
            return [f"{label}:{encode_basestring(text)}" if text else "" for text in texts]
        read, reason = self._typed_reader(kind)
        found = self._noting(at, reason, self._reader.remembered(at, read, texts))
        return [f"{label}:{dumps(value)}" if value != "" else "" for value in found]

    def _typed_reader(self, kind: str) -> tuple[cells.Reader, Reason]:
        if kind == AttributeType.NUMBER:
            return cells.number, Reason.BAD_NUMBER
        if kind == AttributeType.BOOLEAN:
            return cells.boolean, Reason.BAD_BOOLEAN
        return cells.day(order=self._plan.options.date_order), Reason.BAD_DATE

    def _consents(self) -> list[Consent]:
        found: list[Consent] = []
        sources = self._given(targets.CONSENT_SOURCE, self._plan.options.consent_source)
        moments = self._moments(targets.CONSENT_DATE)
        fixed = self._plan.options.consent_at
        for target in targets.CONSENTS:
            at = self._plan.column_of(target)
            if at is None:
                continue
            read = self._reader.remembered(at, cells.decision, self._cells(at))
            channel = target.removeprefix(targets.CONSENT)
            for place, state in enumerate(self._noting(at, Reason.BAD_CONSENT, read)):
                if not state:
                    continue
                decided_at = moments[place] or fixed
                if sources[place] and decided_at:
                    found.append(Consent(place, channel, state, sources[place], decided_at))
                else:
                    self._refuse(place, Reason.UNPROVEN_CONSENT, at)
        return found

    def _given(self, target: str, fixed: str) -> list[str]:
        at = self._plan.column_of(target)
        if at is None:
            return [fixed] * len(self._rows)
        return [text.strip() or fixed for text in self._cells(at)]

    def _noting(self, at: int, reason: Reason, values: list[Any]) -> list[Any]:
        """The values, with every one that could not be read noted and left empty."""
        if None not in values:
            return values
        for place, value in enumerate(values):
            if value is None:
                self._refuse(place, reason, at)
        return ["" if value is None else value for value in values]

    def _refuse(self, place: int, reason: Reason, at: int) -> None:
        heading = self._plan.columns[at].heading
        self._bad.setdefault(place, (reason, heading))

    def _refuse_long(self, at: int, values: Sequence[str], most: int) -> None:
        if max(map(len, values)) <= most:
            return
        for place, value in enumerate(values):
            if len(value) > most:
                self._refuse(place, Reason.TOO_LONG, at)

    def _need_a_handle(self, texts: dict[str, list[str]]) -> None:
        handles = zip(*(texts[name] for name in targets.HANDLES), strict=True)
        for place, held in enumerate(handles):
            if not any(held):
                self._bad.setdefault(place, (Reason.NO_IDENTITY, ""))

    def _refuse_letters(self, columns: Iterable[Sequence[str]]) -> None:
        """Zeros and halves of letters, which no database and no other file would take."""
        for values in columns:
            if not _is_odd("".join(values)):
                continue
            for place, value in enumerate(values):
                if _is_odd(value):
                    self._bad.setdefault(place, (Reason.BAD_LETTER, ""))

    def _kept(
        self,
        texts: dict[str, list[str]],
        attributes: list[str],
        created_at: list[str],
        consents: list[Consent],
    ) -> Batch:
        lines = [line for line, _ in self._rows]
        if not self._bad:
            return Batch(lines, texts, attributes, created_at, consents)
        keep = [place for place in range(len(lines)) if place not in self._bad]
        moved = {place: new for new, place in enumerate(keep)}
        return Batch(
            _only(lines, keep),
            {name: _only(values, keep) for name, values in texts.items()},
            _only(attributes, keep),
            _only(created_at, keep),
            [
                Consent(moved[told.place], told.channel, told.state, told.source, told.decided_at)
                for told in consents
                if told.place in moved
            ],
            [
                Rejected(self._rows[place][0], reason, heading, self._rows[place][1])
                for place, (reason, heading) in sorted(self._bad.items())
            ],
        )


def _only(values: Sequence[Any], keep: Sequence[int]) -> list[Any]:
    return [values[place] for place in keep]


def _is_odd(text: str) -> bool:
    # In JSON a zero is written out.
    if "\x00" in text or "\\u0000" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _as_text(value: Any) -> str:
    """A value of a JSON row where a text is wanted."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else dumps(value, ensure_ascii=False)
