"""Requests as staff have written them: each place gets its value as its kind of text needs it."""

import json
from urllib.parse import parse_qs

import pytest

from crm.channels.base import FAILED, SENT, Account
from crm.channels.http_template import HttpTemplateAdapter
from crm.channels.http_wire import Answer
from tests.contracts import outgoing

HARD = 'He said "hi" & left\n\\ {secret} 100 % €😀'


def adapter(**options):
    made = Account("http_template", "https://sms.example/send", options=tuple(options.items()))
    return HttpTemplateAdapter(made)


@pytest.mark.parametrize(
    "headers", ["Content-Type: application/json", "content-type: Application/JSON;charset=x", ""]
)
def test_a_text_cannot_end_the_json_around_it(headers):
    call = adapter(headers=headers, body='{"text": "{text}"}').write(outgoing(1, text=HARD))

    assert json.loads(call.body) == {"text": HARD}


@pytest.mark.parametrize(
    "headers", ["Content-Type: Application/X-WWW-Form-Urlencoded", ""], ids=["said", "seen"]
)
def test_a_text_cannot_add_a_field_to_a_form(headers):
    call = adapter(headers=headers, body="text={text}&to={to}").write(
        outgoing(1, "+441134960100", text=HARD)
    )

    assert parse_qs(call.body.decode()) == {"text": [HARD], "to": ["+441134960100"]}


@pytest.mark.parametrize(
    ("rule", "body", "state"),
    [
        ("status=ok", b'{"status": "OK"}', SENT),
        ("status=ok", b'{"status": "bad"}', FAILED),
        ("status=ok", b"<html>", FAILED),
        ("messages.0.code=0", b'{"messages": [{"code": 0}]}', SENT),
        ("error=", b'{"error": ""}', SENT),
        ("error=", b'{"error": null}', SENT),
        ("error=null", b'{"id": 1}', SENT),
        ("error=null", b'{"error": "no credit"}', FAILED),
        ("sent", b'{"sent": true}', SENT),
        ("sent", b'{"sent": false}', FAILED),
        ("sent", b"{}", FAILED),
        ("", b"OK", SENT),
    ],
)
def test_success_is_what_staff_say_it_is(rule, body, state):
    outcome = adapter(success=rule).understand(outgoing(1), Answer(200, {}, body))

    assert outcome.state == state


@pytest.mark.parametrize(
    ("body", "identity"),
    [
        (b'{"id": 12}', "12"),
        (b" m-12\n", "m-12"),
        (b'{"status": "ok"}', "key-1"),
        (b"[]", "key-1"),
        (b"", "key-1"),
    ],
)
def test_an_answer_that_tells_no_id_is_not_taken_for_one(body, identity):
    outcome = adapter().understand(outgoing(1), Answer(200, {}, body))

    assert outcome.provider_message_id == identity
