"""Ways to sign in to a mail server, what is asked of it, and accounts of it field by field."""

import base64
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm.channels import oauth, smtp_pump
from crm.channels.base import Account, Outcome
from crm.channels.email import EmailAdapter
from crm.channels.smtp_reply import Reply, SignInRefused
from crm.channels.smtp_server import FIELDS, Server
from crm.channels.smtp_sign_in import sign_in
from tests.contracts import RememberingJournal, outgoing
from tests.crm.channels.smtp_server import FEATURES, ScriptedSmtp

TOKENS = "https://login.example/token"
BY_TOKEN = {"auth": "xoauth2", "token_url": TOKENS, "client_id": "rapport", "scope": "mail"}


@pytest.fixture(autouse=True)
def no_token_is_kept() -> Iterator[None]:
    oauth._given.clear()
    yield
    oauth._given.clear()


class Giver:
    """Gives one token after the other, unless told to refuse."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url) == TOKENS
        self.asked.append(dict(httpx.QueryParams(request.content.decode())))
        number = len(self.asked)
        given = {"access_token": f"token {number}", "expires_in": 3600}
        return self.answer or httpx.Response(200, json=given)


@pytest.fixture
def giver(monkeypatch: pytest.MonkeyPatch) -> Giver:
    made = Giver()
    client = httpx.MockTransport(made)
    monkeypatch.setattr(oauth, "provider_client", lambda _: httpx.Client(transport=client))
    return made


def server(**facts: str) -> Server:
    """A server as staff describe one; what is a secret by its field goes there."""
    secret = {one.name for one in FIELDS if one.is_secret}
    said = {"host": "mail.example", "user": "ada", "password": "s3cret", **facts}
    options = tuple((name, word) for name, word in said.items() if name not in secret)
    secrets = tuple((name, word) for name, word in said.items() if name in secret)
    return Server.of(Account("email", options=options, secrets=secrets))


def said_to(
    answers: dict[str, str], asked: Server, *ways: str, is_locked: bool = True
) -> list[str]:
    """What is said to a server that answers so; words it does not know are taken."""
    said: list[str] = []

    def ask(line: str) -> Reply:
        said.append(line)
        answer = next((a for begin, a in answers.items() if line.startswith(begin)), "235 in")
        return Reply(int(answer[:3]), answer[4:])

    sign_in(asked, ways, is_locked=is_locked, ask=ask)
    return said


def plain(word: str) -> str:
    return base64.b64decode(word).decode()


@pytest.mark.parametrize(
    ("offered", "is_locked", "taken"),
    [
        (("LOGIN", "PLAIN", "CRAM-MD5"), True, "PLAIN"),
        (("LOGIN", "PLAIN", "CRAM-MD5"), False, "CRAM-MD5"),
        (("login",), True, "LOGIN"),
        (("GSSAPI", "CRAM-MD5"), True, "CRAM-MD5"),
        ((), True, "PLAIN"),
    ],
)
def test_the_best_way_that_both_know_is_taken(
    offered: tuple[str, ...], is_locked: bool, taken: str
):
    answers = {"AUTH LOGIN": "334 VXNlcm5hbWU6", "AUTH CRAM-MD5": "334 PDE+"}

    said = said_to(answers, server(), *offered, is_locked=is_locked)

    assert said[0].split()[1] == taken


def test_a_server_that_knows_no_way_of_ours_is_named():
    with pytest.raises(SignInRefused, match="only by GSSAPI NTLM"):
        said_to({}, server(), "NTLM", "GSSAPI")


def test_cram_md5_says_the_example_of_its_specification():
    # RFC 2195, 2.
    challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    asked = server(user="tim", password="tanstaaftanstaaf", auth="cram-md5")

    said = said_to({"AUTH CRAM-MD5": f"334 {challenge}"}, asked)

    assert said == ["AUTH CRAM-MD5", "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"]


@given(st.text(min_size=1), st.text(), st.binary())
def test_cram_md5_proves_any_password(user: str, password: str, challenge: bytes):
    asked = "334 " + base64.b64encode(challenge).decode()
    ours = Server("mail.example", 25, user, password, "none", 1, 5, "test", auth="cram-md5")

    said = said_to({"AUTH": asked}, ours)

    digest = hmac.new(password.encode(), challenge, "md5").hexdigest()
    assert plain(said[1]) == f"{user} {digest}"


def test_a_server_that_asks_on_and_on_is_left():
    with pytest.raises(SignInRefused, match="334 more"):
        said_to({"AUTH": "334 ", "*": "250 called off", "": "334 more"}, server(auth="login"))


def test_a_token_is_asked_for_once_and_borne(giver: Giver):
    asked = server(**BY_TOKEN, client_secret="c", refresh_token="r")

    first, again = (said_to({}, asked) for _ in range(2))

    assert plain(first[0].split()[2]) == "user=ada\1auth=Bearer token 1\1\1"
    assert again == first
    assert giver.asked == [
        {
            "client_id": "rapport",
            "client_secret": "c",
            "scope": "mail",
            "grant_type": "refresh_token",
            "refresh_token": "r",
        }
    ]


def test_without_a_refresh_token_the_application_asks_in_its_own_name(giver: Giver):
    said_to({}, server(**BY_TOKEN, client_secret="c"))

    assert giver.asked[0]["grant_type"] == "client_credentials"


def test_oauthbearer_names_the_place_too(giver: Giver):
    said = said_to({}, server(**{**BY_TOKEN, "auth": "oauthbearer"}))

    expected = "n,a=ada,\1host=mail.example\1port=587\1auth=Bearer token 1\1\1"
    assert plain(said[0].split()[2]) == expected


def test_a_token_that_is_kept_and_not_taken_any_more_is_asked_for_anew_once(giver: Giver):
    asked = server(**BY_TOKEN)
    said_to({}, asked)
    old = base64.b64encode(b"user=ada\1auth=Bearer token 1\1\1").decode()

    said = said_to({f"AUTH XOAUTH2 {old}": "334 eyJ9", "AUTH": "235 in", "": "535 no"}, asked)

    assert len(giver.asked) == 2
    assert "token 2" in plain(said[-1].split()[2])


def test_a_new_token_that_is_not_taken_is_a_refusal(giver: Giver):
    with pytest.raises(SignInRefused, match="535"):
        said_to({"AUTH": "334 eyJ9", "": "535 5.7.3 no"}, server(**BY_TOKEN))

    assert len(giver.asked) == 1
    assert not oauth._given


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (
            httpx.Response(400, json={"error": "invalid_grant", "error_description": "over"}),
            SignInRefused,
            "invalid_grant: over",
        ),
        (httpx.Response(401, text="<html>"), SignInRefused, "HTTP 401"),
        (httpx.Response(200, json=["?"]), SignInRefused, "HTTP 200"),
        (httpx.Response(503, text="later"), ConnectionError, "HTTP 503"),
        (httpx.Response(429, json={"error": "slow_down"}), ConnectionError, "slow_down"),
    ],
)
def test_who_is_given_no_token_is_told_why(
    giver: Giver, answer: httpx.Response, error: type[Exception], words: str
):
    giver.answer = answer

    with pytest.raises(error, match=words) as refused:
        said_to({}, server(**BY_TOKEN, client_secret="c1ient"))

    assert "c1ient" not in str(refused.value)


def test_a_token_is_not_used_in_its_last_minute(giver: Giver, monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]
    monkeypatch.setattr(oauth.time, "monotonic", lambda: clock[0])
    asked = server(**BY_TOKEN)

    for clock[0] in (0.0, 3500.0, 3541.0):
        said_to({}, asked)

    assert len(giver.asked) == 2


def sent(listening: ScriptedSmtp, **facts: str) -> list[Outcome]:
    options = {"host": "127.0.0.1", "port": str(listening.port), "security": "none", **facts}
    account = Account("email", options=tuple(options.items()), guarded_but=None)
    adapter = EmailAdapter(account)
    batch = [outgoing(1, recipient="ada+tea=2@shop.example")]
    outcomes = list(adapter.send_many(batch, journal=RememberingJournal()))
    adapter.close()
    return outcomes


@pytest.mark.parametrize(
    ("notices", "words"),
    [
        ({}, " NOTIFY=FAILURE"),
        ({"notices": "delays"}, " NOTIFY=FAILURE,DELAY"),
        ({"notices": "everything"}, " NOTIFY=SUCCESS,FAILURE,DELAY"),
    ],
)
def test_notices_are_wanted_of_a_server_that_knows_them(notices: dict[str, str], words: str):
    with ScriptedSmtp(features=(*FEATURES, "DSN")) as listening:
        (outcome,) = sent(listening, hello="test", **notices)

    key = outcome.provider_message_id
    mail, rcpt = (one for one in listening.commands if one[:4] in {"MAIL", "RCPT"})
    assert f" RET=HDRS ENVID={key}" in mail
    assert (
        rcpt == f"RCPT TO:<ada+tea=2@shop.example>{words} ORCPT=rfc822;ada+2Btea+3D2@shop.example"
    )
    assert outcome.state == "sent"


@pytest.mark.parametrize("knows", [True, False])
def test_no_notice_is_asked_for_where_nobody_wants_or_knows_it(knows: bool):
    features = (*FEATURES, "DSN") if knows else FEATURES
    with ScriptedSmtp(features=features) as listening:
        sent(listening, hello="test", **({"notices": "unasked"} if knows else {}))

    assert not [one for one in listening.commands if "NOTIFY" in one or "ENVID" in one]


def test_the_name_of_an_envelope_is_never_too_long():
    assert smtp_pump._envelope_id("ä b") == b" ENVID=+C3+A4+20b"
    assert smtp_pump._envelope_id("x" * 101) == b""


@pytest.mark.parametrize(
    ("facts", "tls", "port"),
    [
        ({}, "starttls", 587),
        ({"security": "tls"}, "implicit", 465),
        ({"security": "none"}, "none", 25),
        ({"security": "tls", "port": "2465"}, "implicit", 2465),
        ({"host": "2001:db8::25"}, "starttls", 587),
    ],
)
def test_the_port_follows_the_security(facts: dict[str, str], tls: str, port: int):
    made = server(**facts)

    assert (made.tls, made.port) == (tls, port)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"host": "https://mail.example"}, "no name of a server"),
        ({"host": ""}, "no name of a server"),
        ({"host": "mail.example:587"}, "no name of a server"),
        ({"port": "many"}, "1 to 65535"),
        ({"port": "70000"}, "1 to 65535"),
        ({"connections": "0"}, "1 to 16"),
        ({"timeout": "1e3"}, "1 to 600"),
        ({"auth": "ntlm"}, "ntlm is not known"),
        ({"auth": "xoauth2"}, "Address of tokens, Client id"),
        ({**BY_TOKEN, "user": ""}, "user is still needed"),
        ({**BY_TOKEN, "token_url": "http://login.example"}, "https://"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_words(facts: dict[str, str], words: str):
    with pytest.raises(ValueError, match=words):
        server(**facts)


def test_what_is_secret_is_not_shown(giver: Giver):
    shown: Any = server(**BY_TOKEN, client_secret="c1ient", refresh_token="r3fresh")

    assert not {"c1ient", "r3fresh"} & set(json.dumps(repr(shown.grant)).split("'"))
