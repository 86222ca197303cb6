"""How well and how fast mails that came back are read, by two labelled collections.

The collections are divided once and for all by the hash of each mail, family by family: on one
half the rules were tuned, the other half was only counted, reason by reason. `unseen_families`
are those of which the tuned half has no mail at all.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from django.conf import settings

from benchmarks import bounces_left_out, mutants
from benchmarks.bounces_tally import Labelled, tally
from crm.bounces import read

LIMITS = {"hard_precision": 0.97, "hard_recall": 0.97, "kind": 0.93, "recipients": 0.98}
MOST_MILLISECONDS = 100.0
LABELLED = ("bounces_sisimai", "bounces_flufl")
# Mails of other sorts; the labels say which of them are reports of a delivery after all.
OTHERS = ("bounces_sisimai_not", "email_cpython")


def run(*, mutations: int) -> dict[str, Any]:
    """Read everything that is labelled, what is no bounce, and mails broken at random."""
    corpora = folder()
    tuned, held_back = halves(corpora)
    known = {mail.family for mail in tuned}
    figures = tally(held_back).figures()
    left_out = bounces_left_out.run(tuned + held_back)
    broken = mutants.run([mail.raw for mail in tuned + held_back], count=mutations)
    return {
        **figures,
        "tuned": tally(tuned).figures(),
        "unseen_families": tally([x for x in held_back if x.family not in known]).figures(),
        "taken_for_bounces": {name: taken_for_bounces(corpora / name) for name in OTHERS},
        "left_out": left_out,
        "mutated": broken,
        "limit": LIMITS | {"slowest_milliseconds": MOST_MILLISECONDS},
        "is_within_limit": all(figures[name] >= least for name, least in LIMITS.items())
        and broken["slowest_milliseconds"] <= MOST_MILLISECONDS,
    }


def folder() -> Path:
    """Where the collections are; they are too large for the checkout."""
    beside = Path(settings.BASE_DIR).parent / "shared"
    found = Path(os.environ.get("RAPPORT_SHARED", beside)) / "corpora"
    if not found.is_dir():
        raise SystemExit(f"no collections in {found}: name the folder above in RAPPORT_SHARED")
    return found


def halves(corpora: Path) -> tuple[list[Labelled], list[Labelled]]:
    """The tuned half and the one held back: every other mail of each family, by its hash."""
    mails = [mail for name in LABELLED for mail in _labelled(corpora / name)]
    mails.sort(key=lambda mail: (mail.family, hashlib.sha256(mail.raw).hexdigest()))
    ordered = [mail for _, family in groupby(mails, lambda mail: mail.family) for mail in family]
    return ordered[::2], ordered[1::2]


def taken_for_bounces(collection: Path) -> list[str]:
    """The names of mails that are taken for bounces though they are something else."""
    found = []
    for path in sorted(collection.iterdir()):
        if path.name != "SOURCE.txt" and read(path.read_bytes()).is_bounce:
            found.append(path.name)
    return found


def _labelled(collection: Path) -> Iterator[Labelled]:
    labels = json.loads((collection / "labels.json").read_text("utf-8"))
    for name, label in labels.items():
        family = f"{collection.name}:{re.sub(r'[-_][0-9]+[.][a-z]+$', '', name)}"
        raw = (collection / "mail" / name).read_bytes()
        yield _of_label(family, raw, label or {})


def _of_label(family: str, raw: bytes, label: dict[str, Any]) -> Labelled:
    rows = tuple((row["reason"], bool(row["hard"])) for row in label.get("labels") or ())
    named = label.get("rcpts", label.get("recipients_by_sisimai_5.1.0p3") if rows else None)
    return Labelled(
        family=family,
        raw=raw,
        rows=rows,
        recipients=None if named is None else tuple(one.lower() for one in named),
    )
