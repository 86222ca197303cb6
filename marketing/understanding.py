"""Understanding: which intent an inbound message has, and how surely.

A message is compared with every example phrase by the cosine of their character n-grams, weighted
by rarity (tf-idf); it works alike in English and Chinese and needs no library.
"""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from crm import changes
from crm.choices import Direction
from crm.models import Message
from marketing.models import Insight, Intent
from marketing.rules.base import INSIGHT

# Below this closeness, or closer to the runner-up than the margin, the reading is not sure.
SURE = 0.55
MARGIN = 0.08
GRAMS = (1, 2, 3)
# A longer message says more than one thing; its beginning is read.
MAX_CHARACTERS = 600
_LOOK_BACK = timedelta(days=2)

Vector = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text was read as; no intent where nothing is sure."""

    intent_code: str | None
    confidence: float


@dataclass(frozen=True)
class Reader:
    """Example phrases as vectors; compared with a text, each intent counts by its best phrase."""

    rarity: Mapping[str, float]
    phrases: tuple[tuple[str, Vector], ...]

    @classmethod
    def learn(cls, phrases: Iterable[tuple[str, str]]) -> "Reader":
        """Weigh the n-grams of (intent code, phrase) pairs by how few phrases have them."""
        counted = [(code, _grams(phrase)) for code, phrase in phrases]
        seen = Counter(gram for _, grams in counted for gram in grams)
        rarity = {gram: math.log(1 + len(counted) / times) for gram, times in seen.items()}
        return cls(rarity, tuple((code, _unit(grams, rarity)) for code, grams in counted))

    def read(self, text: str) -> Reading:
        """Read a text: the closest intent if it is really close, and by how much."""
        if not self.phrases:
            return Reading(None, 0.0)
        vectors = [_unit(_grams(part), self.rarity) for part in _parts(text)]
        best: dict[str, float] = {}
        for code, phrase in self.phrases:
            closeness = max((_cosine(vector, phrase) for vector in vectors), default=0.0)
            best[code] = max(best.get(code, 0.0), closeness)
        ranked = sorted(best.items(), key=lambda entry: -entry[1])
        runner_up = ranked[1][1] if len(ranked) > 1 else 0.0
        code, closeness = ranked[0]
        sure = closeness >= SURE and closeness - runner_up >= MARGIN
        return Reading(code if sure else None, round(min(closeness, 1.0), 4))


def read(*, message_id: int, now: datetime) -> Insight:
    """Read an inbound message and keep what it was read as; reading again replaces it."""
    message = Message.objects.get(pk=message_id)
    reading = read_text(text=message.text or message.subject)
    intent = Intent.objects.filter(code=reading.intent_code).first()
    with transaction.atomic():
        insight, _ = Insight.objects.update_or_create(
            message=message,
            defaults={"intent": intent, "confidence": reading.confidence, "read_at": now},
        )
        changes.note(customer_ids=[message.customer_id], subjects=(INSIGHT,), now=now)
    return insight


def read_due(*, now: datetime) -> int:
    """Read the inbound messages of late that have not been read."""
    unread = Message.objects.filter(
        direction=Direction.IN, insight__isnull=True, created_at__gt=now - _LOOK_BACK
    )
    ids = list(unread.order_by("pk").values_list("pk", flat=True)[:500])
    for message_id in ids:
        read(message_id=message_id, now=now)
    return len(ids)


def read_text(*, text: str) -> Reading:
    """Read a text by the intents that are active now."""
    return _reader().read(text)


# What was learnt last, and from which phrases: learning anew takes longer than looking.
_learnt: dict[tuple[tuple[str, str], ...], Reader] = {}


def _reader() -> Reader:
    active = Intent.objects.filter(is_active=True).order_by("code")
    known = tuple(active.values_list(F("code"), F("phrases")))
    if known not in _learnt:
        pairs = [(code, line) for code, text in known for line in text.splitlines() if line.strip()]
        _learnt.clear()
        _learnt[known] = Reader.learn(pairs)
    return _learnt[known]


def _parts(text: str) -> list[str]:
    """The whole text and each of its sentences: a greeting must not hide the question."""
    whole = text[:MAX_CHARACTERS]
    sentences = [part.strip() for part in re.split(r"[.!?。！？；;\n]+", whole)]
    return [whole, *(part for part in sentences if len(part) > 1)]


def _grams(text: str) -> Counter[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = re.sub(r"[\W_]+", " ", plain).strip()
    grams: Counter[str] = Counter()
    for size in GRAMS:
        # One letter tells nothing in an alphabet, but a lot in Chinese.
        padded = words if size == 1 else f" {words} "
        pieces = (padded[start : start + size] for start in range(len(padded) - size + 1))
        grams.update(piece for piece in pieces if size > 1 or ord(piece) > 0x2E7F)
    return grams


def _unit(grams: Counter[str], rarity: Mapping[str, float]) -> Vector:
    # What no phrase has still counts: a text full of other things is not close to any.
    unseen = max(rarity.values(), default=1.0)
    weighted = {
        gram: (1 + math.log(times)) * rarity.get(gram, unseen) for gram, times in grams.items()
    }
    length = math.sqrt(sum(weight * weight for weight in weighted.values())) or 1.0
    return {gram: weight / length for gram, weight in weighted.items()}


def _cosine(one: Vector, other: Vector) -> float:
    small, large = (one, other) if len(one) < len(other) else (other, one)
    return sum(weight * large.get(gram, 0.0) for gram, weight in small.items())
