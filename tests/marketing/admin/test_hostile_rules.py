"""Hostile rules in the admin: kept and shown as text, or refused with words; never an error."""

import html
import json
import re
from pathlib import Path

import pytest
from django.urls import reverse

from marketing.models import Segment
from tests.crm import hostile

ADD = reverse("admin:marketing_segment_add")
PREVIEW = reverse("admin:marketing_segment_preview")
UNREADABLE = [
    "{",
    "1" * 5_000,
    "[" * 100_000,
    '{"version": 1, "all": [NaN]}',
    r'{"version": 1, "all": [{"event": "\u0000"}]}',
    r'{"version": 1, "all": [{"event": "\ud800"}]}',
    r'{"version": 1, "\ud800": 1}',
    r'{"version": 1, "all": [{"reach": "email", "\u0000": 1}]}',
    '{"version": 1, "all": [{"share": %s}]}' % ("9" * 400),
    '{"version": 1, "all": [{"share": 1e999}]}',
    "null",
    "[]",
    '"text"',
]


def conditions(text: str) -> list[dict[str, object]]:
    """A text in the places that a sentence shows."""
    return [
        {"attribute": text, "op": "is", "value": text},
        {"event": text, "where": [{"property": text, "op": "contains", "value": text}]},
        {"field": "city", "op": "in", "value": [text]},
        {"bought": "brand", "value": [text]},
        {"insight": text},
        {"sequence": [text, text], "days": 1},
        {"event_figure": "sum", "of": text, "property": text, "op": "is", "value": 1},
    ]


@pytest.fixture
def texts(shared_corpora: Path) -> list[str]:
    found = [one for one in hostile.texts(shared_corpora) if hostile.storable(one)]
    return [one for one in found if len(one) <= 500]


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_sentence_shows_hostile_texts_as_text(admin, texts, language):
    marked = [one for one in texts if re.search(r"[<>&\"']", one)]
    for start in range(0, len(marked), 14):
        chosen = marked[start : start + 14]
        rules = {"version": 1, "any": [one for text in chosen for one in conditions(text)]}
        segment = Segment.objects.create(name=f"Hostile {start}", rules=rules)
        headers = {"accept-language": language}

        page = admin.get(
            reverse("admin:marketing_segment_page", args=[segment.pk]), headers=headers
        )
        preview = admin.post(PREVIEW, {"rules": json.dumps(rules)}, headers=headers)

        for answer in (page, preview):
            assert answer.status_code == 200
            shown = answer.content.decode()
            for text in chosen:
                assert html.escape(text).replace("&#x27;", "&#39;") in shown.replace(
                    "&#x27;", "&#39;"
                )
                if len(text) > 8 and re.search(r"<\w", text):
                    assert text not in shown


def test_hostile_rules_are_saved_edited_and_shown_again_as_they_were(admin, texts, rung):
    for number, text in enumerate(texts[::15]):
        rules = {"version": 1, "all": conditions(text)}
        fields = {"name": f"Kept {number}", "kind": "rule", "rules": json.dumps(rules)}

        answer = admin.post(ADD, fields)

        assert answer.status_code == 302, answer.context["errors"]
        kept = Segment.objects.get(name=fields["name"])
        assert kept.rules == rules
        form = admin.get(reverse("admin:marketing_segment_change", args=[kept.pk]))
        assert form.status_code == 200
        area = re.search(
            r"<textarea[^>]*name=\"rules\"[^>]*>(.*?)</textarea>", form.content.decode(), re.DOTALL
        )
        assert area is not None
        assert json.loads(html.unescape(area[1])) == rules


@pytest.mark.parametrize("kind", ["rule", "list"])
@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_is_no_rule_is_refused_in_words(admin, text, kind):
    answer = admin.post(ADD, {"name": "New", "kind": kind, "rules": text})

    assert answer.status_code in (200, 302)
    if kind == "rule":
        assert answer.status_code == 200
        assert not Segment.objects.exists()


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_the_preview_says_that_it_is_no_rule(admin, text):
    answer = admin.post(PREVIEW, {"rules": text})

    assert answer.status_code == 200
    assert "rp-alert" in answer.content.decode()


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_an_address_with_no_rule_opens_an_empty_builder(admin, text):
    assert admin.get(ADD, {"rules": text[:4_000]}).status_code == 200


def test_completion_takes_every_text(admin, texts):
    address = reverse("admin:marketing_segment_values")
    sources = ("field", "attributes", "attribute", "events", "properties", "property", "products")
    for text in [*texts[::40], "\x00", "a\x00b", "\ufffe"]:
        for of in (*sources, "company", text):
            asked = {"of": of, "name": text, "event": text, "text": text}
            assert admin.get(address, asked).status_code == 200, (of, text)
        for more in ({"text": text}, {"sku": [text, "TEA-1"]}):
            asked = {"of": "products", "name": "product", **more}
            assert admin.get(address, asked).status_code == 200, (more, text)
