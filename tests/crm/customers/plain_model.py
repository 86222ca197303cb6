"""What identity means, in plain Python: the record as it should be, kept by a few rules.

Nothing here looks at the implementation: a shop assistant with paper and pencil would do this.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

# The most trusted first.
TRUST = ("external", "email", "phone", "whatsapp", "telegram", "webchat", "anonymous")
NAMELESS = {"webchat", "anonymous"}
STRICTNESS = {"granted": 0, "pending": 1, "withdrawn": 2}

Handle = tuple[str, str]


@dataclass
class Sheet:
    """All that is written about one customer."""

    handles: dict[Handle, bool] = field(default_factory=dict)
    email: str = ""
    city: str = ""
    consents: dict[str, tuple[str, int]] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    old_numbers: set[int] = field(default_factory=set)
    merges: list[int] = field(default_factory=list)

    @property
    def is_visitor(self) -> bool:
        """Whether nothing says who they are."""
        return all(kind in NAMELESS for kind, _ in self.handles)

    def decide(self, purpose: str, state: str, at: int) -> None:
        """Who is asked to confirm what they allowed long ago has not taken it back."""
        if (state, self.consents.get(purpose, ("", 0))[0]) != ("pending", "granted"):
            self.consents[purpose] = (state, at)


@dataclass
class Joined:
    """Two sheets as they were before they were joined, and the kept one right after."""

    kept: int
    merged: int
    kept_before: Sheet
    merged_before: Sheet
    kept_after: Sheet


class Paper:
    """The whole record on paper."""

    def __init__(self) -> None:
        self.sheets: dict[int, Sheet] = {}
        self.joined: dict[int, Joined] = {}

    def owner(self, handle: Handle) -> int | None:
        """Whose a handle is."""
        return next((pk for pk, sheet in self.sheets.items() if handle in sheet.handles), None)

    def find(self, brought: Mapping[str, str]) -> int | None:
        """Whom a person's handles mean: the most trusted one that is known decides."""
        passed: list[str] = []
        for kind in TRUST:
            if kind not in brought:
                continue
            owner = self.owner((kind, brought[kind]))
            if owner is not None:
                kinds = {kind_ for kind_, _ in self.sheets[owner].handles}
                if not kinds & set(passed):
                    return owner
            passed.append(kind)
        return None

    def visitors(self, pk: int, brought: Mapping[str, str]) -> list[int]:
        """The visitors that the known person turns out to have been."""
        if self.sheets[pk].is_visitor and set(brought) <= NAMELESS:
            return []
        owners = [self.owner((kind, brought[kind])) for kind in TRUST if kind in brought]
        return [
            owner
            for owner in dict.fromkeys(owners)
            if owner is not None and owner != pk and self.sheets[owner].is_visitor
        ]

    def tell(self, pk: int, brought: Mapping[str, str], city: str, verified: str) -> None:
        """Write down what a person said."""
        sheet = self.sheets[pk]
        for kind in TRUST:
            if kind not in brought:
                continue
            handle = (kind, brought[kind])
            if self.owner(handle) is None:
                sheet.handles[handle] = False
            if handle in sheet.handles:
                sheet.handles[handle] |= kind == verified
                if kind == "email":
                    sheet.email = brought[kind]
        sheet.city = city or sheet.city

    def may_join(self, kept: int, merged: int) -> bool:
        """Whether two may be one: not when both proved a different handle of one kind."""
        if kept == merged or not {kept, merged} <= self.sheets.keys():
            return False
        one, other = self.sheets[kept], self.sheets[merged]
        if one.handles and one.is_visitor and not (other.handles and other.is_visitor):
            return False
        proven = [
            {kind for (kind, _), is_proven in sheet.handles.items() if is_proven}
            for sheet in (one, other)
        ]
        return not (proven[0] & proven[1] - NAMELESS)

    def fold(self, kept: int, merged: int) -> None:
        """Write one sheet's contents on another."""
        sheet, other = self.sheets[kept], self.sheets.pop(merged)
        sheet.handles |= other.handles
        sheet.email = sheet.email or other.email
        sheet.city = sheet.city or other.city
        sheet.events |= other.events
        sheet.old_numbers |= other.old_numbers
        for purpose, told in other.consents.items():
            known = sheet.consents.get(purpose)
            if known is None or STRICTNESS[told[0]] > STRICTNESS[known[0]]:
                sheet.consents[purpose] = told

    def join(self, number: int, kept: int, merged: int) -> None:
        """Join two sheets, and keep both as they were."""
        before = deepcopy((self.sheets[kept], self.sheets[merged]))
        self.fold(kept, merged)
        sheet = self.sheets[kept]
        sheet.old_numbers.add(merged)
        sheet.merges.append(number)
        self.joined[number] = Joined(kept, merged, *before, deepcopy(sheet))

    def may_part(self, number: int) -> bool:
        """Whether a merge is the last one of a customer who is still there."""
        told = self.joined.get(number)
        if told is None or told.kept not in self.sheets:
            return False
        return self.sheets[told.kept].merges[-1:] == [number]

    def part(self, number: int) -> None:
        """Two sheets again; what was written since stays on the kept one."""
        told = self.joined.pop(number)
        sheet, before, after = self.sheets[told.kept], told.kept_before, told.kept_after
        merged = deepcopy(told.merged_before)
        merged.handles = {
            handle: is_proven
            for handle, is_proven in sheet.handles.items()
            if handle in told.merged_before.handles
        }
        for handle in merged.handles:
            del sheet.handles[handle]
        sheet.events -= merged.events
        sheet.old_numbers -= merged.old_numbers | {told.merged}
        sheet.merges.pop()
        for name in ("email", "city"):
            if getattr(sheet, name) == getattr(after, name):
                setattr(sheet, name, getattr(before, name))
        for purpose, known in list(sheet.consents.items()):
            if known == after.consents.get(purpose):
                sheet.consents.pop(purpose)
                if purpose in before.consents:
                    sheet.consents[purpose] = before.consents[purpose]
        self.sheets[told.merged] = merged

    def forget(self, pk: int) -> None:
        """Tear a sheet up, and every note of whom it was joined from."""
        sheet = self.sheets.pop(pk)
        gone = {pk, *sheet.old_numbers}
        for number, told in list(self.joined.items()):
            if {told.kept, told.merged} & gone:
                del self.joined[number]
