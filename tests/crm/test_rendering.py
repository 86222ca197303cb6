"""Templates: personal, tracked, fast, and harmless whoever wrote them or whatever is in a name."""

import json
import re
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from markupsafe import Markup

from crm.rendering import LinkContext, Rendered, RenderError, check_plain, compile_template

TRACKED = LinkContext(
    unsubscribe_url="https://s.example/u/1",
    preferences_url="https://s.example/p/1",
    click_url="https://s.example/c/tok/",
    pixel_url="https://s.example/o/1",
)
UNTRACKED = LinkContext("https://s.example/u/1", "https://s.example/p/1")


def render(html="", *, subject="", text="", links=UNTRACKED, **variables):
    template = compile_template(channel="email", subject=subject, html=html, text=text)
    return template.render(variables=variables, links=links)


def hrefs(html):
    return re.findall(r'href="([^"]*)"', html)


def refusal(html, **variables):
    with pytest.raises(RenderError) as caught:
        render(html, **variables)
    return caught.value


def test_names_are_escaped_in_html_and_plain_in_subject_and_text():
    name = "<b>Ann & Co</b>"

    mail = render("<p>{{ n }}</p>", subject="Hi {{ n }}", text="Hi {{ n }}", n=name)

    assert mail.html == "<p>&lt;b&gt;Ann &amp; Co&lt;/b&gt;</p>"
    assert (mail.subject, mail.text.strip()) == ("Hi <b>Ann & Co</b>",) * 2


def test_a_subject_is_always_one_line():
    assert render(subject="Hi {{ n }}", n="Ann\r\nBcc: x@y.example").subject == (
        "Hi Ann Bcc: x@y.example"
    )


def test_every_attack_string_in_a_variable_stays_text(shared_corpora):
    folder = shared_corpora / "attack_payloads"
    names = ("xss", "ssti_jinja2", "ssti_other_engines")
    attacks = [one for name in names for one in json.loads((folder / f"{name}.json").read_text())]

    for attack in attacks:
        mail = render('<p title="{{ n }}">{{ n }}</p>', text="{{ n }}", n=attack)

        assert mail.html.count("<") == 2
        assert mail.html.count('"') == 2


def test_no_attack_template_reaches_anything(shared_corpora):
    folder = shared_corpora / "attack_payloads"
    attacks = json.loads((folder / "ssti_jinja2.json").read_text())

    for attack in attacks:
        try:
            html = render(attack).html
        except RenderError:
            continue
        assert "<class" not in html
        assert "root:" not in html


BOMBS = {
    "loops in loops": "{% for a in range(1000) %}{% for b in range(1000) %}"
    "{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}",
    "long range": "{{ range(100000000)|list|length }}",
    "string times number": "{{ s * 1000000000 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "doubling text": "{% set a = 'xxxxxxxx' %}" + "{% set a = a ~ a %}" * 40,
    "adding text": "{% set a = 'xxxxxxxx' %}" + "{% set a = a + a %}" * 40,
    "doubling block": "{% set a %}xxxxxxxx{% endset %}"
    + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40,
    "doubling list": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a|string }}",
    "doubling by default": "{% set a = [1] %}"
    + "{% set a = [none, none]|map('default', a, true)|list %}" * 40
    + "{{ a|string }}",
    "million digits": "{% set a = s|replace('x', 'ffffff') %}{{ a|int(0, 16) // 7 > 1 }}",
    "written digits": "{{ 0x" + "f" * 2_000 + " // 7 > 1 }}",
    "sorting one text": "{% set a %}" + "{{ s }}" * 80 + "{% endset %}"
    "{{ ([1]|batch(100, a)|list)[0][1:]|sort|length }}",
    "comparing one text": "{% set a %}" + "{{ s }}" * 80 + "{% endset %}"
    "{% set l = ([1]|batch(100, a)|list)[0] %}" + "{{ l == l == l }}",
    "squaring number": "{% set a = 99999999 %}" + "{% set a = a * a %}" * 40,
    "replacing": "{% set a = 'xxxxxxxx' %}" + "{% set a = a|replace('x', a) %}" * 10,
    "padding": "{{ '%1000000000d'|format(1) }}",
    "starred padding": "{{ '%*d'|format(1000000000, 1) }}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "str.format": "{{ '{:1000000000d}'.format(1) }}",
    "endless macro": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "branching macro": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}"
    "{% endmacro %}{{ m(60) }}",
    "recursive loop": "{% for x in [1] recursive %}{{ loop([1]) }}{{ loop([1]) }}{% endfor %}",
    "indent": "{{ 'a'|indent(1000000000) }}",
    "round": "{{ 1.5|round(1000000000) }}",
    "batch": "{{ [1]|batch(1000000000, 'x')|list|length }}",
    "output": "{% for a in range(1000) %}{% for b in range(1000) %}{{ s }}{% endfor %}{% endfor %}",
    "kept texts": "{% set b %}"
    + "{{ s }}" * 90
    + "{% endset %}"
    + "".join(f"{{% set c{n} = b ~ '{n}' %}}" for n in range(1000)),
    "deep brackets": "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
    "long sum": "{{ 1" + " + 1" * 5000 + " }}",
    "long chain": "{{ s" + "|upper" * 3000 + " }}",
    "many ifs": "{% if 1 %}" * 100 + "{% endif %}" * 100,
    "many outputs": "{{ s }}" * 25000,
    "huge source": "a" * 300_000,
    "unending tag": "{{" * 50_000,
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_stopped_within_two_seconds(bomb):
    began = time.process_time()

    error = refusal(bomb, s="x" * 10_000)

    assert error.message
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ s['__class__'] }}",
        "{{ s['__cl' ~ 'ass__'] }}",
        "{{ s|attr('x') }}",
        "{{ s|safe }}",
        "{{ lipsum() }}",
        "{{ cycler }}",
        "{{ joiner }}",
        "{{ namespace() }}",
        "{% autoescape false %}{{ s }}{% endautoescape %}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% extends 'x' %}",
        "{{ self }}",
        "{{ range }}",
        "{{ ['a'] }}",
        "{{ s.format }}",
        "{{ missing }}",
        "{{ customer.missing }}",
    ],
)
def test_what_is_not_on_the_list_is_refused(source):
    assert refusal(source, s="x", customer={"first_name": "Ann"}).message


def test_an_error_names_its_part_and_the_line_staff_wrote():
    source = "<html><style>p { color: red }</style>\n<p>Hi</p>\n<p>{{ customer.nmae }}</p>\n</html>"

    error = refusal(source, customer={"name": "Ann"})

    assert (error.reason, error.part, error.line) == ("undefined", "html", 3)
    assert "nmae" in str(error)


def test_a_syntax_error_is_found_when_the_template_is_saved():
    with pytest.raises(RenderError) as caught:
        compile_template(channel="email", html="one\ntwo {% if %}")

    assert (caught.value.reason, caught.value.part, caught.value.line) == ("syntax", "html", 2)


class Customer:
    """What a model instance would be."""


@pytest.mark.parametrize(
    "value",
    [Customer(), Customer, print, Markup("<b>"), object(), {"deep": [Customer()]}, {1, 2}, b"x"],
)
def test_only_plain_data_enters_a_template(value):
    with pytest.raises(TypeError, match=r"variables\.it"):
        check_plain({"it": value})

    assert refusal("{{ 1 }}", it=value).reason == "forbidden"


def test_one_poisoned_recipient_stops_nobody_else():
    template = compile_template(channel="email", html="{{ 10 // n }}")

    results = list(template.render_many(({"n": n}, UNTRACKED) for n in (1, 0, 2)))

    assert [type(result) for result in results] == [Rendered, RenderError, Rendered]


def test_links_become_slots_that_carry_the_messages_token():
    html = '<a href="https://a.example/?x=1&amp;y=2">A</a> <a href="{{ u }}">B</a></body>'

    mail = render(html, links=TRACKED, u="https://b.example/")

    assert hrefs(mail.html) == ["https://s.example/c/tok/1", "https://s.example/c/tok/2"]
    assert '<img src="https://s.example/o/1"' in mail.html.split("</body>")[0]


def test_mail_phone_anchor_and_unsubscribe_links_are_left_alone():
    kept = ["mailto:a@b.example", "tel:+44113", "#top", "{{ unsubscribe_url }}"]
    html = "".join(f'<a href="{address}">x</a>' for address in kept)

    template = compile_template(channel="email", html=html)
    mail = template.render(variables={}, links=TRACKED)

    assert template.links == ()
    assert hrefs(mail.html) == [*kept[:3], "https://s.example/u/1"]


def test_an_untracked_rendering_keeps_the_addresses_and_has_no_pixel():
    mail = render('<a href="https://a.example/{{ n }}">A</a>', n=7)

    assert mail.html == '<a href="https://a.example/7">A</a>'


def test_a_click_finds_the_very_link_even_in_a_loop():
    html = (
        '<a href="https://a.example/home">H</a>'
        '{% for p in products %}<a href="https://a.example/p/{{ p }}?a=1&amp;b=2">x</a>{% endfor %}'
    )
    variables = {"products": ["s1", "s&2", "s3"]}
    template = compile_template(channel="email", html=html)
    mail = template.render(variables=variables, links=TRACKED)

    positions = [int(address.rpartition("/")[2]) for address in hrefs(mail.html)]
    found = [template.render_link(position=n, variables=variables) for n in positions]

    assert len(set(positions)) == 4
    assert found == [
        "https://a.example/home",
        "https://a.example/p/s1?a=1&b=2",
        "https://a.example/p/s&2?a=1&b=2",
        "https://a.example/p/s3?a=1&b=2",
    ]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil", "", "/x"])
def test_a_redirect_never_leads_to_what_is_no_web_address(address):
    template = compile_template(channel="email", html='<a href="{{ u }}">A</a>')

    with pytest.raises(LookupError):
        template.render_link(position=1, variables={"u": address})


def test_a_position_nobody_was_given_leads_nowhere():
    template = compile_template(channel="email", html='<a href="{{ u }}">A</a>')

    with pytest.raises(LookupError):
        template.render_link(position=9, variables={"u": "https://a.example/"})


def test_styles_are_inlined_once_and_tags_in_tables_stay_where_they_are():
    html = (
        "<html><head><style>td { color: red } @media print { td { color: black } }</style></head>"
        "<body><table>{% for p in ps %}<tr {% if p %}class='a'{% endif %}>"
        "<td>{{ p }}</td></tr>{% endfor %}</table></body></html>"
    )

    mail = render(html, ps=[1, 0])

    assert mail.html.count('<td style="color: red;">') == 2
    assert re.search(r"<table>.*<td.*1</td>.*<td.*0</td>.*</table>", mail.html)
    assert "@media print" in mail.html
    assert mail.html.count("<tbody>") == 1


def test_a_text_part_is_made_of_the_html_when_none_is_written():
    html = "<h1>Hi {{ n }}</h1><ul>{% for p in ps %}<li>{{ p }}</li>{% endfor %}</ul>"
    html += '<p><a href="https://a.example/{{ n }}">Shop</a></p>'

    mail = render(html, n="Ann & Bob", ps=["one", "two"])

    assert "Hi Ann & Bob" in mail.text
    assert mail.text.index("one") < mail.text.index("two")
    assert "Shop (https://a.example/Ann & Bob)" in mail.text
    assert "{" not in mail.text


def test_the_variables_a_template_uses_are_known():
    template = compile_template(
        channel="email",
        subject="{{ customer.first_name }}",
        html="{% for p in products %}{{ p.name }}{% endfor %}{{ customer['city'] }}",
        text="{{ unsubscribe_url }}",
    )

    assert template.variables == {
        "customer.first_name",
        "customer.city",
        "products",
        "unsubscribe_url",
    }


def test_an_sms_has_only_text():
    template = compile_template(channel="sms", subject="no", html="<p>no</p>", text="Hi {{ n }} <3")

    assert template.render(variables={"n": "Ann"}, links=TRACKED) == Rendered("", "", "Hi Ann <3")


MOMENT = datetime(2026, 11, 22, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "english", "chinese"),
    [
        ("{{ 1234.5|money('EUR') }}", "€1,234.50", "€1,234.50"),
        ("{{ d|money('CNY') }}", "CN¥9.99", "¥9.99"),
        ("{{ (0 - 3)|money('JPY') }}", "-¥3", "-JP¥3"),
        ("{{ 5|money('CHF') }}", "CHF 5.00", "CHF 5.00"),
        ("{{ at|date }}", "23 November 2026", "2026年11月23日"),
        ("{{ at|datetime }}", "23 November 2026, 04:30", "2026年11月23日 04:30"),
        ("{{ at|weekday }}", "Monday", "星期一"),
        ("{{ none|default_name }}", "there", "朋友"),
        ("{{ ' Ann '|default_name }}", "Ann", "Ann"),
        ("{{ absent|default_name('you') }}", "you", "you"),
        ("{{ 1|plural('item', 'items') }}", "item", "item"),
        ("{{ 2|plural('item', 'items') }}", "items", "items"),
        ("{{ 'a long sentence'|truncate(8) }}", "a...", "a..."),
        ("{{ '春天的第一批新茶今天到店了'|truncate(6) }}", "春天的...", "春天的..."),
        ("{{ at|date(zone='UTC') }}", "22 November 2026", "2026年11月22日"),
        ("{{ 12.5|money('EUR', 'zh') }}", "€12.50", "€12.50"),
        ("{{ 1|plural('本', '本') }}", "本", "本"),
        ("{{ nothing }}", "", ""),
    ],
)
def test_filters_write_as_the_reader_does(source, english, chinese):
    data = {"at": MOMENT, "d": Decimal("9.99"), "timezone": "Asia/Shanghai", "nothing": None}

    assert render(source, **data, language="en").html == english
    assert render(source, **data, language="zh-hans").html == chinese


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        ("{{ words|sort|join(' ') }}", "apple Pear plum"),
        ("{{ words|sort(reverse=true, case_sensitive=true)|join(' ') }}", "plum apple Pear"),
        ("{{ rows|sort(attribute='n,name')|map(attribute='name')|join }}", "cab"),
        ("{{ words|min }} {{ words|max }} {{ (rows|max(attribute='n')).name }}", "apple plum b"),
        ("{{ {'b': 1, 'A': 2}|dictsort|join('', 0) }}", "Ab"),
        ("{{ {'b': 1, 'A': 2}|dictsort(by='value')|join('', 0) }}", "bA"),
        ("{{ '12'|int + '0x1f'|int(0, 16) + 'no'|int(7) }}", "50"),
        ("{{ 'plum' in words }} {{ 'fig' not in words }} {{ 1 < 2 <= 2 != 3 }}", "True True True"),
        ("{{ words == ['plum'] }} {{ [] == [] }} {{ rows == rows }}", "False True True"),
        ("{{ words|select('in', ['plum', 'fig'])|list|length }}", "1"),
        ("{{ 2 in {'a': 2}.values() }}", "True"),
    ],
)
def test_what_is_weighed_before_it_is_compared_comes_out_as_ever(source, printed):
    rows = [{"n": 2, "name": "b"}, {"n": 1, "name": "c"}, {"n": 2, "name": "a"}]

    assert render(source, words=["plum", "apple", "Pear"], rows=rows).html == printed


def test_the_same_template_is_compiled_once():
    first = compile_template(channel="email", html="<p>{{ n }}</p>")

    assert compile_template(channel="email", html="<p>{{ n }}</p>") is first
