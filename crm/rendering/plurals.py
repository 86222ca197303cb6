"""Which of several words goes with a count, language by language.

The rules are those of the Unicode CLDR for whole numbers, in the order of its categories (zero,
one, two, few, many, other) as far as a language has them.
"""

from collections.abc import Callable

_Rule = Callable[[int], int]


def _slavic(n: int) -> int:
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if _is_few(n) else 2


def _polish(n: int) -> int:
    if n == 1:
        return 0
    return 1 if _is_few(n) else 2


def _is_few(n: int) -> bool:
    return 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14


def _czech(n: int) -> int:
    if n == 1:
        return 0
    return 1 if 2 <= n <= 4 else 2


def _lithuanian(n: int) -> int:
    if 11 <= n % 100 <= 19:
        return 2
    return {0: 2, 1: 0}.get(n % 10, 1)


def _latvian(n: int) -> int:
    if n % 10 == 0 or 11 <= n % 100 <= 19:
        return 0
    return 1 if n % 10 == 1 else 2


def _romanian(n: int) -> int:
    if n == 1:
        return 0
    return 1 if n == 0 or 1 <= n % 100 <= 19 else 2


def _slovene(n: int) -> int:
    return {1: 0, 2: 1, 3: 2, 4: 2}.get(n % 100, 3)


def _arabic(n: int) -> int:
    if n <= 2:
        return n
    if 3 <= n % 100 <= 10:
        return 3
    return 4 if n % 100 >= 11 else 5


# By language: how many words it has, and which goes with a whole number.
_RULES: dict[str, tuple[int, _Rule]] = {
    **dict.fromkeys(("be", "bs", "hr", "ru", "sr", "uk"), (3, _slavic)),
    **dict.fromkeys(("cs", "sk"), (3, _czech)),
    "ar": (6, _arabic),
    "lt": (3, _lithuanian),
    "lv": (3, _latvian),
    "pl": (3, _polish),
    "ro": (3, _romanian),
    "sl": (4, _slovene),
}
# Where nothing and one and a half are one, not many.
_ONE_BELOW_TWO = frozenset({"fr", "hy", "pt-br"})


def place(count: float, *, words: int, language: str) -> int:
    """Which of so many words goes with a count, from 0; the last where none is for it."""
    code = language.lower()
    base = code.partition("-")[0]
    wanted, rule = _RULES.get(base, (0, None))
    if rule is not None and words == wanted and count == int(count):
        return rule(abs(int(count)))
    is_one = abs(count) < 2 if _ONE_BELOW_TWO & {code, base} else count == 1
    return 0 if is_one else words - 1
