"""A DNS of our own: what is not written down is not there, and some names give no answer."""

from dataclasses import dataclass, field

from crm.dns import Unanswered


@dataclass
class World:
    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def ask(self, name: str, kind: str) -> list[str]:
        self.asked.append((name, kind))
        if name in self.silent:
            raise Unanswered(name)
        return self.records.get((name, kind), [])

    def tell(self, name: str, kind: str, *values: str) -> "World":
        self.records[name, kind] = list(values)
        return self
