"""Matching returns with the purchases they take back; pure, one product of one customer a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """So many pieces bought (or, as a positive number, brought back) on one line."""

    line: int
    at: datetime
    quantity: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """So many pieces of a purchase line that a return line takes back."""

    return_line: int
    purchase_line: int
    quantity: int


def match(*, purchases: Sequence[Moved], returns: Iterable[Moved]) -> list[TakenBack]:
    """Match each return, oldest first, with earlier purchases: all of it, or not at all.

    A purchase of exactly that quantity comes first, then the latest ones.
    """
    left = {bought.line: bought.quantity for bought in purchases}
    newest_first = sorted(purchases, key=lambda bought: (bought.at, bought.line), reverse=True)
    taken: list[TakenBack] = []
    for back in sorted(returns, key=lambda back: (back.at, back.line)):
        earlier = [bought for bought in newest_first if bought.at <= back.at and left[bought.line]]
        earlier.sort(key=lambda bought: left[bought.line] != back.quantity)
        if sum(left[bought.line] for bought in earlier) < back.quantity:
            continue
        wanted = back.quantity
        for bought in earlier:
            quantity = min(wanted, left[bought.line])
            if not quantity:
                break
            taken.append(TakenBack(back.line, bought.line, quantity))
            left[bought.line] -= quantity
            wanted -= quantity
    return taken
