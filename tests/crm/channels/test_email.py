"""E-mail by SMTP: real dialogues with a server that refuses, cuts and forgets."""

import socket
from email import message_from_bytes, policy

import pytest

from crm.channels import journal as states
from crm.channels.base import Account, Inbound
from crm.channels.email import EmailAdapter
from tests.contracts import (
    NOW,
    SECRET,
    RememberingJournal,
    SendingContract,
    SignedCallbackContract,
    outgoing,
    signed_callback,
)
from tests.crm.channels.smtp_server import ScriptedSmtp


def adapter_at(server: ScriptedSmtp) -> EmailAdapter:
    return EmailAdapter(Account("email", server.url, callback_secret=SECRET, guarded_but=None))


def send(server, *batch, journal=None):
    adapter = adapter_at(server)
    outcomes = list(adapter.send_many(batch, journal=journal or RememberingJournal()))
    adapter.close()
    return {outcome.message_id: outcome for outcome in outcomes}


def parsed(received):
    return message_from_bytes(received.body, policy=policy.default)


class TestEmailAdapterKeepsTheContract(SendingContract, SignedCallbackContract):
    @pytest.fixture
    def adapter(self):
        with ScriptedSmtp(answers={"key-3@": "552 too big"}) as server:
            adapter = adapter_at(server)
            yield adapter
            adapter.close()


def test_a_mail_arrives_as_it_was_written():
    mail = outgoing(subject="Grüße, 你好", html="<p>Ünïcode</p>\n.dot", text=".first\nline\r\nlast")

    with ScriptedSmtp() as server:
        outcome = send(server, mail)[1]

    got = parsed(server.mails[0])
    assert outcome.state == "sent"
    assert outcome.provider_message_id == "key-1"
    assert got["Message-ID"] == "<key-1@rapport.example>"
    assert got["Subject"] == "Grüße, 你好"
    assert b"\r\n..first" in server.mails[0].body


def test_bodies_are_eight_bit_where_the_server_takes_it_and_base64_elsewhere():
    mail = outgoing(html="<p>ü</p>", text="")

    with ScriptedSmtp() as modern, ScriptedSmtp(features=("SIZE",)) as old:
        send(modern, mail)
        send(old, mail)

    assert parsed(modern.mails[0])["Content-Transfer-Encoding"] == "8bit"
    assert parsed(old.mails[0])["Content-Transfer-Encoding"] == "base64"
    assert parsed(old.mails[0]).get_content().strip() == "<p>ü</p>"


def test_no_line_is_longer_than_998_bytes():
    mail = outgoing(html="<p>" + "x" * 5000 + "</p>", subject="y" * 3000, text="z" * 1000)

    with ScriptedSmtp() as server:
        send(server, mail)

    assert max(map(len, server.mails[0].body.split(b"\r\n"))) <= 998
    assert parsed(server.mails[0])["Subject"].replace(" ", "") == "y" * 3000


HOSTILE = [
    "Eve\r\nBcc: victim@example.com",
    'Eve" <victim@example.com>, "x',
    "Eve\x00\x0b\x1b[31m",
    "Eve\u202egnp.exe\u2028Bcc: x",
    "=?utf-8?q?Eve=0ABcc:_x?=",
    "\ud800 surrogate",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_or_subject_can_break_a_header(name):
    mail = outgoing(
        sender=f"{name} <shop@rapport.example>",
        recipient="ann@example.com",
        subject=name,
        headers=(("X-Note", name),),
    )

    with ScriptedSmtp() as server:
        outcome = send(server, mail)[1]

    assert outcome.state == "sent"
    got = parsed(server.mails[0])
    assert set(got.keys()) == {
        "From",
        "To",
        "Subject",
        "Message-ID",
        "Date",
        "X-Note",
        "MIME-Version",
        "Content-Type",
    }
    assert [address.addr_spec for address in got["From"].addresses] == ["shop@rapport.example"]


@pytest.mark.parametrize(
    "address",
    ["", "no-at", "a@b\r\nRCPT TO:<x@y>", "a b@c.example", "<a@b.example", "a@b@c", "a@\x00b"],
)
def test_an_address_mail_cannot_go_to_is_never_said_to_the_server(address):
    with ScriptedSmtp() as server:
        outcomes = send(server, outgoing(1, address), outgoing(2))

    assert (outcomes[1].state, outcomes[1].reason) == ("failed", "invalid_address")
    assert outcomes[2].state == "sent"
    assert [mail.recipient for mail in server.mails] == ["ann@example.com"]


def test_addresses_beyond_ascii_go_by_smtputf8_or_idna():
    with ScriptedSmtp() as modern, ScriptedSmtp(features=("8BITMIME",)) as old:
        by_utf8 = send(modern, outgoing(1, "josé@exämple.com"))
        by_idna = send(old, outgoing(1, "jose@exämple.com"), outgoing(2, "josé@example.com"))

    assert by_utf8[1].state == "sent"
    assert modern.mails[0].recipient == "josé@exämple.com"
    assert any("SMTPUTF8" in command for command in modern.commands)
    assert old.mails[0].recipient == "jose@xn--exmple-cua.com"
    assert by_idna[2].reason == "invalid_address"


@pytest.mark.parametrize("features", [("8BITMIME",), ("8BITMIME", "SMTPUTF8")])
def test_a_domain_goes_as_it_is_registered_and_asks_no_more_of_the_way_than_it_must(features):
    with ScriptedSmtp(features=features) as server:
        outcome = send(server, outgoing(1, "jo@straße.example", sender="hi@straße.example"))[1]

    assert outcome.state == "sent"
    assert server.mails[0].recipient == "jo@xn--strae-oqa.example"
    assert parsed(server.mails[0])["From"] == "hi@xn--strae-oqa.example"
    assert parsed(server.mails[0])["Message-ID"] == "<key-1@xn--strae-oqa.example>"
    assert not any("SMTPUTF8" in command for command in server.commands)


def test_a_domain_of_signs_is_written_by_the_older_rules():
    with ScriptedSmtp(features=("8BITMIME",)) as server:
        send(server, outgoing(1, "jose@☃.example"))

    assert server.mails[0].recipient == "jose@xn--n3h.example"


@pytest.mark.parametrize("features", [("PIPELINING",), ("SIZE",)])
def test_a_refused_recipient_stops_nobody_else(features):
    answers = {"RCPT TO:<gone@": "550 5.7.1 no", "RCPT TO:<busy@": "451 later"}
    batch = [outgoing(1), outgoing(2, "gone@x.example"), outgoing(3, "busy@x.example"), outgoing(4)]

    with ScriptedSmtp(features=features, answers=answers) as server:
        outcomes = send(server, *batch)

    assert [outcomes[n].state for n in (1, 2, 3, 4)] == ["sent", "failed", "failed", "sent"]
    assert (outcomes[2].reason, outcomes[2].retry_after) == ("rejected", None)
    assert outcomes[3].reason == "deferred"
    assert outcomes[3].retry_after


def test_who_is_stopped_between_two_mails_stops_nobody_else():
    asked = []

    def may_begin(index):
        asked.append(index)
        return asked.count(index) < 2 or index != 1

    journal = RememberingJournal()
    journal.may_begin = may_begin

    with ScriptedSmtp(features=("SIZE",)) as server:
        outcomes = send(server, *map(outgoing, (1, 2, 3)), journal=journal)

    assert {key: outcome.state for key, outcome in outcomes.items()} == {1: "sent", 3: "sent"}


@pytest.mark.parametrize("code", ["5.1.1", "5.1.10"])
@pytest.mark.parametrize("command", ["RCPT", "after its body"])
def test_an_address_by_whose_code_there_is_nobody_is_no_address(code, command):
    said = f"550-{code} The account\r\n550 {code} does not exist"
    part = {"RCPT": "RCPT TO:<gone@", "after its body": "for nobody"}[command]

    with ScriptedSmtp(answers={part: said}) as server:
        outcome = send(server, outgoing(1, "gone@x.example", text="for nobody"))[1]

    assert (outcome.state, outcome.reason) == ("failed", "invalid_address")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("552 5.3.4 too large", "rejected"),
        ("550 5.1.8 bad sender", "sender_refused"),
        ("550 5.1.1 bad sender", "sender_refused"),
        ("451 later", "deferred"),
    ],
)
def test_why_mail_from_is_refused(answer, reason):
    with ScriptedSmtp(answers={"MAIL FROM": answer}) as server:
        outcomes = send(server, outgoing(1), outgoing(2))

    assert [outcome.reason for outcome in outcomes.values()] == [reason, reason]


def test_a_mail_refused_after_its_body_has_failed():
    with ScriptedSmtp(answers={"spammy": "554 5.7.1 spam"}) as server:
        outcomes = send(server, outgoing(1, text="spammy"), outgoing(2))

    assert (outcomes[1].state, outcomes[1].reason) == ("failed", "rejected")
    assert outcomes[2].state == "sent"


def test_with_pipelining_a_body_and_the_next_envelope_leave_together():
    with ScriptedSmtp() as server:
        send(server, *(outgoing(number) for number in range(1, 6)))

    together = [w for w in server.writes if b"\r\n.\r\nMAIL FROM" in w and b"DATA\r\n" in w]
    assert len(together) == 4
    assert len(server.mails) == 5


def test_without_pipelining_each_command_waits_for_its_answer():
    with ScriptedSmtp(features=("8BITMIME",)) as server:
        outcomes = send(server, *(outgoing(number) for number in range(1, 4)))

    assert all(outcome.state == "sent" for outcome in outcomes.values())
    assert not any(b"RCPT" in write and b"DATA" in write for write in server.writes)


@pytest.mark.parametrize("features", [("PIPELINING", "8BITMIME"), ("8BITMIME",)])
def test_a_cut_after_the_final_dot_leaves_one_mail_in_doubt(features):
    journal = RememberingJournal()
    with ScriptedSmtp(features=features, cut="dot") as server:
        outcomes = send(server, *(outgoing(n) for n in range(1, 5)), journal=journal)

    assert outcomes[1].state == "in_doubt"
    assert [outcomes[n].state for n in (2, 3, 4)] == ["sent"] * 3
    assert len(server.mails) == 3
    assert journal.last()[0] == states.HANDED_OVER


@pytest.mark.parametrize("place", ["MAIL", "RCPT", "DATA"])
def test_a_cut_before_the_body_is_tried_again_on_a_new_connection(place):
    with ScriptedSmtp(cut=place) as server:
        outcomes = send(server, outgoing(1), outgoing(2))

    assert {outcome.state for outcome in outcomes.values()} == {"sent"}
    assert sorted(mail.body.count(b"key-") for mail in server.mails) == [1, 1]
    assert server.connections == 2


def test_a_connection_cut_again_and_again_ends_in_a_failure_that_may_be_retried():
    with ScriptedSmtp(cut="RCPT", cuts=99) as server:
        outcome = send(server, outgoing(1))[1]

    assert (outcome.state, outcome.reason) == ("failed", "unreachable")
    assert outcome.retry_after
    assert server.connections == 2


def test_a_server_that_falls_silent_is_left_when_its_time_is_over():
    with ScriptedSmtp(silent="RCPT", timeout=0.05) as server:
        outcome = send(server, outgoing(1))[1]

    assert (outcome.state, outcome.reason) == ("failed", "unreachable")
    assert outcome.detail == "The server did not answer in time."
    assert server.connections == 2


def test_a_server_that_is_not_there_fails_every_mail_as_unreachable():
    with ScriptedSmtp() as server:
        pass
    journal = RememberingJournal()

    outcomes = send(server, outgoing(1), outgoing(2), journal=journal)

    assert {(o.state, o.reason) for o in outcomes.values()} == {("failed", "unreachable")}
    assert set(journal.last().values()) == {states.CLAIMED}


def test_a_connection_is_kept_between_batches():
    with ScriptedSmtp() as server:
        adapter = adapter_at(server)
        for number in (1, 2, 3):
            list(adapter.send_many([outgoing(number)], journal=RememberingJournal()))
        adapter.close()

    assert server.connections == 1
    assert len(server.mails) == 3


def test_kept_connections_that_were_closed_meanwhile_are_no_mails_fault():
    with ScriptedSmtp() as server:
        adapter = EmailAdapter(
            Account("email", server.url.replace("connections=1", "connections=4"), guarded_but=None)
        )
        list(adapter.send_many([*map(outgoing, range(4))], journal=RememberingJournal()))
        for connection in server._open:
            connection.shutdown(socket.SHUT_RDWR)
        outcomes = list(adapter.send_many([outgoing(9)], journal=RememberingJournal()))
        adapter.close()

    assert [outcome.state for outcome in outcomes] == ["sent"]


@pytest.mark.parametrize("banner", ["nonsense", "", "\u00b2\u2075\u2070 test"])
def test_a_server_that_speaks_no_smtp_is_unreachable(banner):
    with ScriptedSmtp(answers={"EHLO": banner or "\r\n"}) as server:
        outcomes = send(server, outgoing(1), outgoing(2))

    assert [outcome.reason for outcome in outcomes.values()] == ["unreachable"] * 2
    assert "speaks no SMTP" in outcomes[1].detail


def test_a_server_older_than_ehlo_is_greeted_in_its_words():
    with ScriptedSmtp(answers={"EHLO": "502 what?"}) as server:
        outcome = send(server, outgoing(html="<p>ü</p>", text=""))[1]

    assert outcome.state == "sent"
    assert server.commands[:3] == ["EHLO test", "HELO test", "MAIL FROM:<shop@rapport.example>"]
    assert parsed(server.mails[0])["Content-Transfer-Encoding"] == "base64"


def test_the_journal_is_marked_before_and_after_a_body_leaves():
    journal = RememberingJournal()

    with ScriptedSmtp() as server:
        send(server, outgoing(1), journal=journal)

    assert [state for _, state in journal.marks] == [
        states.HANDING_OVER,
        states.HANDED_OVER,
        states.CONFIRMED,
    ]


def test_a_reply_by_mail_names_the_mail_it_answers():
    data = {
        "type": "inbound",
        "from": "Ann <ann@example.com>",
        "to": "shop@rapport.example",
        "subject": "Re: Hello",
        "text": "Yes please",
        "in_reply_to": "key-1@rapport.example",
        "message_id": "m1@example.com",
    }
    with ScriptedSmtp() as server:
        (inbound,) = adapter_at(server).read_callback(signed_callback(data))

    assert inbound == Inbound(
        channel="email",
        sender="Ann <ann@example.com>",
        recipient="shop@rapport.example",
        body="Yes please",
        provider_message_id="m1@example.com",
        occurred_at=NOW,
        subject="Re: Hello",
        in_reply_to="key-1@rapport.example",
    )


def test_a_mail_put_off_is_as_free_as_one_never_begun():
    journal = RememberingJournal()
    answers = {"RCPT TO:<gone@": "550 5.1.1 unknown", "RCPT TO:<busy@": "451 later"}

    with ScriptedSmtp(answers=answers) as server:
        send(server, outgoing(1, "gone@x.example"), outgoing(2, "busy@x.example"), journal=journal)

    assert journal.last() == {0: states.REFUSED, 1: states.CLAIMED}


def test_a_server_that_is_asked_whether_it_is_there_gets_no_mail():
    with ScriptedSmtp() as server:
        adapter = adapter_at(server)
        there = adapter.check()

    assert there == ""
    assert server.mails == []
    with pytest.raises(ConnectionRefusedError):
        adapter.check()
