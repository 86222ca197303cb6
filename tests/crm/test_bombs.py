"""No template takes a worker with it: each bomb is stopped in time and memory, and work goes on."""

import json
import os
import subprocess
import sys

import pytest

from crm.rendering import LinkContext, RenderError, compile_template
from crm.rendering.compiled import _HTML, _compile
from crm.rendering.fragments import Loop
from crm.rendering.plain import share
from tests.crm.bombs import BOMBS

LONG = bool(os.environ.get("RAPPORT_LONG"))
# The cap of a mail by default is 1 s; in the short run the same bombs get less.
SECONDS = 1.0 if LONG else 0.15
CHOSEN = list(BOMBS) if LONG else list(BOMBS)[::3]
MOST_SECONDS = 2
MOST_MEGABYTES = 256
LINKS = LinkContext("https://s.example/u/1", "#", "#", "https://s.example/c/tok/", "")
# Stopped, or done in no time: which of the two depends on the machine.
HARMLESS = {
    *("plain text of the HTML", "plain text of many tags", "a literal of numbers"),
    *(
        "elements in elements",
        "styles by elements",
        "links that never end",
        "tables that never end",
    ),
    *("comments that never end", "tags that never end", "blank lines", "wide blank lines"),
    *("a huge literal", "MJML roots", "MJML that never ends"),
}


@pytest.fixture(scope="module")
def report() -> dict:
    """What a child process told that met every bomb, one after the other."""
    command = [sys.executable, "-m", "tests.crm.bombs", str(SECONDS), *CHOSEN]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return json.loads(ended.stdout)


def test_every_bomb_is_stopped_in_time_and_the_worker_renders_the_next(report: dict):
    late = {name: bomb for name, bomb in report["bombs"].items() if bomb["seconds"] > MOST_SECONDS}
    fatal = [name for name, bomb in report["bombs"].items() if not bomb["goes_on"]]

    assert list(report["bombs"]) == CHOSEN
    assert late == {}
    assert fatal == []


def test_no_bomb_takes_much_memory(report: dict):
    big = {n: bomb for n, bomb in report["bombs"].items() if bomb["megabytes"] > MOST_MEGABYTES}

    assert big == {}
    assert report["most"] <= MOST_MEGABYTES


def test_a_bomb_says_what_is_wrong(report: dict):
    assert {name for name, bomb in report["bombs"].items() if not bomb["said"]} <= HARMLESS


def test_one_recipient_whose_data_is_a_bomb_stops_none_of_five_hundred():
    html = "{% for i in range(size) %}{% for j in range(size) %}{{ name }}{% endfor %}{% endfor %}"
    template = compile_template(channel="email", html=html)
    items = [({"size": 1000 if n == 250 else 1, "name": "Ann"}, LINKS) for n in range(500)]

    results = list(template.encode_many(items))

    failed = [n for n, result in enumerate(results) if isinstance(result, RenderError)]
    assert failed == [250]
    assert results[250].reason == "too_big"


def kept(source: str, people: int) -> Loop:
    """The loop of a template after it was rendered for so many, each with a name of their own."""
    runnable = _compile(_HTML, source, "html")
    product = share({"name": "Tea", "tags": ["a"]})
    for number in range(people):
        runnable.to_text({"products": [product], "name": f"Ann {number}"}, "html")
    return runnable._loops[0]


@pytest.mark.parametrize("body", ["{{ p.name }}", "{{ p.name if p.tags else '' }}"])
def test_what_is_kept_of_a_loop_does_not_grow_with_the_recipients(body: str, monkeypatch):
    monkeypatch.setattr("crm.rendering.fragments._MAX_KEPT", 100)

    loop = kept("{% for p in products %}" + body + "{{ name }}{% endfor %}<i>", 250)

    assert len(loop.by_item) <= 100
    assert len(loop.kept) <= 100


def test_all_loops_of_a_template_share_the_room_for_what_is_kept():
    source = "{% for p in products %}{{ p }}{% endfor %}"

    loops = _compile(_HTML, source * 200, "html")._loops

    assert len(loops) == 50
    assert sum(loop.room for loop in loops) <= 8_000_000


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("{{ 'abcdef'[1:3] }}", "bc"),
        ("{% for p in [1, 2, 3][:2] %}{{ p }}{% endfor %}", "12"),
        ("{{ products[:1]|map(attribute='name')|join(', ') }}", "Tea"),
        ("{{ products|join('/', 'name') }}", "Tea/&lt;b&gt;"),
        ("{% for p in products if p.name == 'Tea' %}{{ loop.length }}{% endfor %}", "1"),
        ("{{ 1 < 2 < 3 }}", "True"),
        ("{{ products|selectattr('name', 'eq', 'Tea')|list|length }}", "1"),
        ("{{ products|map(attribute='name')|map('lower')|sort|join('-') }}", "&lt;b&gt;-tea"),
        ("{{ '--a--'|trim('-') }}{{ '..b..'.strip('.') }}", "ab"),
        ("{{ products|sum(attribute='price') }}", "3.5"),
        ("{{ '%s has %d'|format('Ann', 3) }}", "Ann has 3"),
        ("{{ 'Tea' is in(['Tea']) }}", "True"),
        ("{{ [1, 2, 3, 4]|batch(2)|map('sum')|join(',') }}", "3,7"),
    ],
)
def test_what_marketers_write_is_not_in_the_way(source: str, printed: str):
    products = [{"name": "Tea", "price": 1.5}, {"name": "<b>", "price": 2}]

    mail = compile_template(channel="email", html=source).render(
        variables={"products": products}, links=LINKS
    )

    assert mail.html == printed
