"""The random rules leave nothing out: every kind, every word of it, with people on either side."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from random import Random
from typing import Any

import pytest

from campaigns import conditions as campaign
from crm.choices import Channel, ConsentState, IdentityKind, Purpose
from marketing.choices import ScoreKind
from marketing.models import Segment
from marketing.rules import operators
from marketing.rules.conditions import (
    belonging,
    commerce,
    correspondence,
    patterns,
    permission,
    person,
)
from marketing.rules.registry import conditions
from tests.marketing.oracle import answer
from tests.marketing.rules import trees, worlds
from tests.marketing.rules.test_meaning import known_to_rules

DRAWN = 12_000
TEXT = [*operators.TEXT, *operators.PRESENCE]
NUMBER = [*operators.NUMBER]
MOMENT = [*operators.MOMENT, *operators.WINDOW, *operators.AHEAD]
# Of a free value `is` and `is_not` ask three things, by the type of what is asked for.
FREE = [
    *(f"{op} {sort}" for op in ("is", "is_not") for sort in ("text", "number", "bool")),
    *(op for op in [*TEXT, *NUMBER, *MOMENT] if op not in ("is", "is_not")),
]
COUNTED = ("at_least", "at_most", "both", "never", "once")
SPANS = ("ever", "within_days", "since", "until", "since until")
SPANNED = [*COUNTED, *SPANS]

Word = tuple[str, ...]


def words(kind: str, *lists: Iterable[str]) -> set[Word]:
    return {(kind, *chosen) for chosen in product(*lists)}


# Of every kind all that can be said: each subject with each operator.
# These worlds know mail and SMS; browsers and webhooks are asked for in tests/crm/test_push.py.
CHANNELS = (Channel.EMAIL.value, Channel.SMS.value)
HANDLES = [kind for kind in IdentityKind.values if kind != IdentityKind.PUSH]
EXPECTED: Mapping[str, set[Word]] = {
    "field": words("field", person.TEXT_FIELDS, TEXT)
    | words("field", person.MOMENT_FIELDS, [*MOMENT, *operators.PRESENCE]),
    "attribute": words("attribute", FREE),
    "identity": words("identity", HANDLES, ("known", "unknown")),
    "share": words("share", ("from", "")),
    "consent": words("consent", [*ConsentState.values, permission.NEVER], CHANNELS, Purpose.values),
    "reach": words("reach", CHANNELS),
    "suppressed": words("suppressed", CHANNELS, ("staff", "complaint", "")),
    "event": words("event", SPANNED)
    | words("event", ("where",), [op for op in FREE if op != "anniversary"]),
    "orders": words("orders", commerce.FIGURES, NUMBER)
    | words("orders", [name for name in commerce.FIGURES if name not in commerce.AGES], SPANS),
    "bought": words("bought", commerce.Bought.BY, (*SPANS, "at_least", "once")),
    "score": words("score", ScoreKind.values, NUMBER),
    "cluster": words("cluster", trees.TRAITS),
    "segment": words("segment", ("in", "not_in")),
    "message": words("message", correspondence.FATES, SPANNED)
    | words("message", correspondence.FATES, [*CHANNELS, ""]),
    "insight": words("insight", SPANNED),
    "company": words("company", belonging.TEXTS, TEXT)
    | words("company", belonging.NUMBERS, NUMBER)
    | words("company", (belonging.ANY,)),
    "event_figure": words("event_figure", patterns.FIGURES, NUMBER)
    | words("event_figure", SPANS)
    | words("event_figure", ("where",)),
    "sequence": words("sequence", SPANS),
    "campaign": words("campaign", campaign.FATES, ("any", "one", "step"))
    | words("campaign", SPANNED),
}
# What holds for nobody, or for everybody: columns that are never empty, what staff never say.
ONE_SIDED: set[Word] = {
    ("field", "created_at", "known"),
    ("field", "created_at", "unknown"),
    ("company", "key", "unknown"),
    *words("suppressed", CHANNELS, ("complaint",)),
    ("company", "name", "unknown"),
}


def leaves(tree: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every condition of a tree."""
    for how in ("all", "any", "not"):
        if how in tree:
            inner = tree[how] if isinstance(tree[how], list) else [tree[how]]
            for one in inner:
                yield from leaves(one)
            return
    yield dict(tree)


def depth(tree: Mapping[str, Any]) -> int:
    """How many groups lie in one another."""
    for how in ("all", "any", "not"):
        if how in tree:
            inner = tree[how] if isinstance(tree[how], list) else [tree[how]]
            return 1 + max((depth(one) for one in inner), default=0)
    return 0


def said(leaf: Mapping[str, Any]) -> set[Word]:
    """The words of a condition, as `EXPECTED` lists them."""
    kind = next(name for name in leaf if name in EXPECTED)
    found: Mapping[str, Sequence[Word]] = {
        "field": [(str(leaf["field"]), leaf["op"])] if kind == "field" else [],
        "attribute": [(free(leaf),)],
        "identity": [(str(leaf.get("identity")), leaf.get("op", "known"))],
        "share": [("from" if leaf.get("from") else "",)],
        "consent": [
            (
                str(leaf.get("consent")),
                leaf.get("channel", ""),
                leaf.get("purpose", "marketing"),
            )
        ],
        "reach": [(str(leaf.get("reach")),)],
        "suppressed": [(str(leaf.get("suppressed")), leaf.get("reason", ""))],
        "event": [*counted(leaf), *(("where", free(one)) for one in leaf.get("where", []))],
        "orders": [(str(leaf.get("orders")), how) for how in (leaf.get("op", ""), span(leaf))],
        "bought": [
            (str(leaf.get("bought")), how)
            for how in (span(leaf), "at_least" if leaf.get("at_least", 1) > 1 else "once")
        ],
        "score": [(str(leaf.get("score")), leaf.get("op", ""))],
        "cluster": [(trait,) for trait in leaf.get("cluster", [])],
        "segment": [(leaf.get("op", "in"),)],
        "message": [
            (str(leaf.get("message")), how)
            for how in (*(one for (one,) in counted(leaf)), leaf.get("channel", ""))
        ],
        "insight": counted(leaf),
        "company": [(str(leaf.get("company")), leaf["op"]) if "op" in leaf else ("any",)],
        "event_figure": [
            (str(leaf.get("event_figure")), leaf.get("op", "")),
            (span(leaf),),
            *([("where",)] if "where" in leaf else []),
        ],
        "sequence": [(span(leaf),)],
        "campaign": [
            (
                str(leaf.get("fate")),
                "step" if "step" in leaf else "any" if leaf.get("campaign") == "any" else "one",
            ),
            *counted(leaf),
        ],
    }
    return {(kind, *word) for word in found[kind]}


def free(leaf: Mapping[str, Any]) -> str:
    op = str(leaf.get("op"))
    if op not in ("is", "is_not"):
        return op
    value = leaf["value"]
    sort = "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    return f"{op} {sort}"


def counted(leaf: Mapping[str, Any]) -> list[Word]:
    low, high = "at_least" in leaf, "at_most" in leaf
    if high and leaf["at_most"] == 0:
        often = "never"
    else:
        often = "both" if low and high else "at_least" if low else "at_most" if high else "once"
    return [(often,), (span(leaf),)]


def span(leaf: Mapping[str, Any]) -> str:
    return " ".join(key for key in ("within_days", "since", "until") if key in leaf) or "ever"


@pytest.fixture(scope="module")
def drawn() -> list[dict[str, Any]]:
    """As many random rules as take a moment."""
    random = Random(7)
    known = {"segments": [1], "campaigns": [1], "people": ["Ada"], "companies": ["Tea"]}
    return [trees.rules(random, known) for _ in range(DRAWN)]


def test_every_kind_that_is_registered_is_expected() -> None:
    assert set(EXPECTED) == set(conditions.names())


def test_every_word_of_every_kind_is_drawn_again_and_again(drawn: list[dict[str, Any]]) -> None:
    seen = Counter(word for tree in drawn for leaf in leaves(tree) for word in said(leaf))

    missing = {word: seen[word] for kind in EXPECTED.values() for word in kind if seen[word] < 5}

    assert not missing, missing
    # What is drawn and not expected is a word that somebody forgot to list here.
    assert set(seen) - set().union(*EXPECTED.values()) <= {
        ("orders", name, "ever") for name in commerce.AGES
    }


def test_trees_are_as_deep_as_they_may_be_and_use_every_group(drawn: list[dict[str, Any]]) -> None:
    depths = Counter(depth(tree) for tree in drawn)

    assert set(depths) == set(range(1, 9))
    assert min(depths.values()) > 20
    assert {how for tree in drawn for how in ("all", "any", "not") if how in tree} == {
        "all",
        "any",
        "not",
    }


@pytest.mark.django_db
def test_every_word_divides_people() -> None:
    random = Random(11)
    people = worlds.people(random=random, count=100)
    known = known_to_rules()
    assert Segment.objects.count() == 2
    waiting = set().union(*EXPECTED.values()) - ONE_SIDED
    answers: defaultdict[Word, set[bool]] = defaultdict(set)

    for _ in range(DRAWN * 20):
        if not waiting:
            break
        leaf = trees.leaf(random, known)
        if open_words := said(leaf) & waiting:
            found = {answer(leaf, one, worlds.NOW) for one in random.sample(people, 30)}
            for word in open_words:
                answers[word] |= found
            waiting -= {word for word in open_words if len(answers[word]) == 2}

    assert not waiting, waiting
