"""The gate: what must be there before anything is fitted, and what was found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """One demand; `code` is worded in marketing.wording."""

    code: str
    needed: int
    found: int

    @property
    def is_met(self) -> bool:
        """Whether enough was found."""
        return self.found >= self.needed

    def as_row(self) -> dict[str, object]:
        """The demand as it is kept with the run."""
        return {
            "code": self.code,
            "needed": self.needed,
            "found": self.found,
            "is_met": self.is_met,
        }
