"""A worker of its own that renders every bomb: what each took, in seconds and in megabytes.

Run as `python -m tests.crm.bombs SECONDS [NAME …]`; it prints one line of JSON.
"""

import json
import os
import sys
from decimal import Decimal
from pathlib import Path

from crm.rendering import LinkContext, Parts, RenderError, compile_template, limits, make

LINKS = LinkContext(
    "https://s.example/u/1", "https://s.example/p/1", click_url="https://s.example/"
)
TEXT = "é" * 10_000
# A text of the greatest length, and a list of a thousand times that very text.
LONG = "{% set a %}{% for i in range(100) %}{{ s }}{% endfor %}{% endset %}{% set a = a[:990000] %}"
# Texts that are alike to their end, of letters that take four bytes each, and lists full of them.
ALIKE = LONG.replace("{{ s }}", "{{ s|replace(s[0], '😀') }}") + (
    "{% set b = 'y' ~ a[1:] %}{% set c = 'y' ~ a[1:] %}"
    "{% set l = ([1]|batch(100, b)|list)[0][1:] %}{% set m = ([1]|batch(100, c)|list)[0][1:] %}"
    "{% set o = [b] %}{% set p = [c] %}"
)
MANY = "[" + "{0}, " * 1500 + "]|map(attribute=0)"
SIXTEEN = LONG + "{% set h = a|replace(s[0], 'f') %}"
EACH = "{% for i in items %}"
END = "{% endfor %}"

BOMBS: dict[str, str] = {
    "text times number": "{{ s * 100000000 }}",
    "text of 1 GB by doubling": "{% set a = s %}" + "{% set a = a ~ a %}" * 20,
    "text of 1 GB by adding": "{% set a = s %}" + "{% set a = a + a %}" * 20,
    "loops in loops": "{% for a in range(1000) %}{% for b in range(1000) %}"
    "{% for c in range(1000) %}{% endfor %}{% endfor %}{% endfor %}",
    "macros that call each other": "{% macro p(n) %}{{ q(n) }}{{ q(n) }}{% endmacro %}"
    "{% macro q(n) %}{{ p(n) }}{{ p(n) }}{% endmacro %}{{ p(1) }}",
    "macro without end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "macro of sixty branches": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}"
    "{% endmacro %}{{ m(60) }}",
    "caller in caller": "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}"
    + "{% call m() %}" * 40
    + "x"
    + "{% endcall %}" * 40,
    "loop that calls itself": "{% for x in [1] recursive %}{{ loop([1]) }}{{ loop([1]) }}"
    "{% endfor %}",
    "blocks in a loop": "{% for a in range(1000) %}{% block b scoped %}{% for b in range(1000) %}"
    "{% for c in range(1000) %}{% endfor %}{% endfor %}{% endblock %}{% endfor %}",
    "blocks that print": "{% for a in range(1000) %}{% block b %}{{ s }}{% endblock %}{% endfor %}",
    "padding": "{{ '%1000000000d'|format(1) }}",
    "many paddings": "{% set p = '%100d' %}" + "{% set p = p ~ p %}" * 17 + "{{ p|format(1) }}",
    "format by name": "{% set p = '%(x)s' %}"
    + "{% set p = p ~ p %}" * 17
    + "{{ p|format(x=s[:900]) }}",
    "format of open brackets": "{% set p = '%(' %}"
    + "{% set p = p ~ p %}" * 18
    + "{{ p|format(1) }}",
    "format of a list": LONG + "{% set l = [" + "a, " * 15 + "] %}{{ '%s'|format(l) }}" * 20,
    "replacing": "{% set a = 'xxxxxxxx' %}" + "{% set a = a|replace('x', a) %}" * 10,
    "replacing nothing": LONG + "{{ a|replace('', a) }}",
    "join": LONG + "{{ range(1000)|join(a) }}",
    "join by entry": LONG + "{{ range(1000)|batch(1)|join(a, 0) }}",
    "join of rows": LONG + "{{ range(1000)|map('default')|batch(100)|join(a) }}",
    "doubling a list": "{% set a = [1] %}" + "{% set a = [a, a] %}" * 40 + "{{ a|string }}",
    "doubling by default": "{% set a = [1] %}"
    + "{% set a = [none, none]|map('default', a, true)|list %}" * 40
    + "{{ a|string }}",
    "long texts as text": LONG + "{{ ([1]|batch(100, a)|list)[0]|string|length }}",
    "long texts in upper case": LONG + "{{ ([1]|batch(100, a)|list)[0]|upper|length }}",
    "long texts stripped": LONG + "{{ ([1]|batch(100, a)|list)[0]|striptags|length }}",
    "long texts formatted": LONG + "{{ '%s'|format(([1]|batch(100, a)|list)[0])|length }}",
    "long texts joined": LONG + "{{ [1]|batch(100, a)|join|length }}",
    "thousand long texts added": LONG
    + "{{ products|map(attribute='none')|map('default', [a], true)|sum(start=[])|length }}" * 30,
    "adding lists up": "{% set l = range(1000)|list %}"
    "{% set r = products|map(attribute='none')|map('default', l, true)|list %}"
    "{{ r|sum(start=[])|length }}",
    "pieces that are kept": LONG + "".join(f"{{% set c{n} = a[{n}:] %}}" for n in range(400)),
    "strip of a long text": LONG + "{% set b = 'y' ~ a[1:] %}{{ a.strip('y' ~ a)|length }}",
    "strip of much": LONG
    + "{% set b = a|replace(s[0], 'y') %}{{ (b[1:]).strip(a[1:] ~ 'y')|length }}",
    "trim of much": LONG + "{% set b = a|replace(s[0], 'y') %}{{ b[1:]|trim(a[1:] ~ 'y')|length }}",
    "letters sorted": LONG + "{{ a|sort|length }}" * 200,
    "letters in rows": LONG + "{{ a|batch(1)|list|length }}" * 200,
    "letters listed": LONG + "{{ a|list|length }}" * 200,
    "letters picked": LONG + "{{ a" + "|reject('none')" * 60 + "|list|length }}",
    "picking in a long text": LONG
    + "{{ products|map(attribute='name')|select('in', a)|list|length }}" * 30,
    "looking in a long text": LONG
    + "{% set n = a[:400] ~ 'x' ~ a[:400] %}"
    + "{% if n in a %}1{% endif %}" * 400,
    "comparing long texts": LONG
    + "{% set l = [a[1:], a[1:], a[1:], a[1:]] %}{% set m = [a[1:], a[1:], a[1:], a[1:]] %}"
    + "{% if l == m %}1{% endif %}" * 400,
    "loop that picks nothing": LONG + "{% for c in a if false %}x{% endfor %}" * 60,
    "letters one by one": LONG + "{% for c in a %}{% if c == 'y' %}z{% endif %}{% endfor %}" * 60,
    "lists compared in a row": ALIKE + "{{ " + " == ".join(["l", "m"] * 1000) + " }}",
    "texts compared in a row": ALIKE + "{{ " + " == ".join(["b", "c"] * 2000) + " }}",
    "lists of one text compared": ALIKE
    + f"{{% set x = {MANY.format('o')}|list %}}{{{{ x == {MANY.format('p')}|list }}}}",
    "rows of one text compared": ALIKE
    + "{% set rows = range(1000)|batch(1) %}"
    + "{{ rows|map('batch', 100, b)|list == rows|map('batch', 100, c)|list }}",
    "lists looked for": ALIKE + "{{ [l]|select('in', [m, m, m])|list|length }}" * 30,
    "small letters of many long texts": ALIKE + "{{ l|sort|length }}",
    "small letters of one text": ALIKE + f"{{{{ {MANY.format('o')}|sort|length }}}}",
    "greatest of one text": ALIKE + f"{{{{ {MANY.format('o')}|max|length }}}}",
    "values that changed": ALIKE
    + "{% for i in range(1000) %}{{ loop.changed(l if i is odd else m) }}{% endfor %}",
    "number of a million digits divided": SIXTEEN
    + "{{ (h|int(0, 16) // h[:400000]|int(0, 16)) > 1 }}",
    "number of a million digits tested": SIXTEEN
    + "{{ h|int(0, 16) is divisibleby(h[:400000]|int(0, 16)) }}",
    "number written out and divided": "{{ "
    + "//".join(["0x" + "f" * 4000, "0x" + "e" * 1400] * 30)
    + " }}",
    "squaring": "{% set a = 99999999 %}" + "{% set a = a * a %}" * 40,
    "squaring money": "{% set a = price %}"
    + "{% set a = a * a %}" * 18
    + "{{ a|money }}{{ a|int }}",
    "addresses": LONG + "{{ a|urlencode }}" * 50,
    "plain text of the HTML": "<ul>" * 20_000 + "{{ s }}",
    "plain text of many tags": "{% if 1 %}<p title='{% if 1 %}'>{% endif %}{% endif %}"
    "{% for i in range(1000) %}{% for j in range(200) %}<ul>{% endfor %}{% endfor %}",
    "output": "{% for a in range(1000) %}{% for b in range(1000) %}{{ s }}{% endfor %}{% endfor %}",
    "shared loop that prints": EACH + "{{ s }}" * 50 + END + (EACH + "{{ s }}" * 50 + END) * 10,
    "shared loop that doubles": EACH + "{{ " + "s ~ " * 200 + "s }}" + END,
    "shared loop that pads": EACH + "{{ '%(i)1000000000d'|format(i=i) }}" + END,
    "shared loop that replaces": EACH + "{{ s|replace('é', s)|replace('é', s)|length }}" + END,
    "shared loop that joins": EACH + "{{ s|join(s)|join(s)|length }}" + END,
    "shared loop that trims": EACH + "{{ ('x' ~ s)|trim(s ~ 'x')|length }}" * 100 + END,
    "shared loop that looks": EACH + "{{ s|upper|lower|urlencode|length }}" * 100 + END,
    "shared loops over letters": LONG
    + "{% for c in a %}{% if c.x is defined %}z{% endif %}{% endfor %}" * 60,
    "shared loops": "{% for i in range(1000) %}{{ i|string|upper|lower }}{% endfor %}" * 200,
}

# What takes long or much before anything is rendered: to parse, to compile, to inline, to read.
_MJML = "<mjml><mj-body><mj-section><mj-column>{}</mj-column></mj-section></mj-body></mjml>"
BOMBS |= {
    "thousands of conditions": "{% if a %}b{% endif %}" * 4_900,
    "thousands of loops": "{% for i in a %}{{ i }}{% endfor %}" * 3_300,
    "thousands of macros": "{% macro m(a) %}{% endmacro %}" * 4_900,
    "filters upon filters": ("{{ a" + "|upper" * 50 + "}}") * 190,
    "a huge literal": "{{ [" + "'" + "x" * 100 + "'," * 1_500 + "] }}",
    "a literal of numbers": "{{ [" + "1," * 9_000 + "]|length }}",
    "brackets in brackets": "{{ " + "[" * 5_000 + "]" * 5_000 + " }}",
    "conditions in conditions": "{% if a %}" * 3_000 + "{% endif %}" * 3_000,
    "elements in elements": "<style>.a { color: red }</style>" + "<div class=a>" * 14_000,
    "styles by elements": "<style>" + "*{a:b}" * 20_000 + "</style>" + "<i></i>" * 10_000,
    "links that never end": "<a " * 66_000,
    "tables that never end": "<style>a{b:c}</style>" + "<table " * 25_000,
    "comments that never end": "<style></style>" + "<!--" * 49_000,
    "tags that never end": "{% raw %}" + "{{" * 60_000 + "{#" * 30_000 + "{% endraw %}<style>",
    "blank lines": "\n \n" * 60_000,
    "wide blank lines": "\u3000\n" * 60_000,
    "lists in lists": "<ul><li>" * 20_000,
    "snippet in snippet without end": '{% include "itself" %}',
    "snippets that double": '{% include "double 0" %}',
    "snippets by the thousand": '{% include "leaf" %}' * 5_000,
    "snippets of the greatest length": '{% include "long" %}' * 100,
    "macros of long snippets": '{% from "dull" import m %}' * 5_000,
    "layout upon layout": '{% extends "layout" %}{% block a %}'
    + "{{ super() }}" * 3_000
    + "{% endblock %}",
    "blocks that hold each other": '{% extends "page" %}{% block a %}{% block b %}{{ super() }}'
    "{% endblock %}{% endblock %}",
    "a macro of a snippet without end": '{% from "endless" import m %}{{ m(60) }}',
    "MJML in MJML": "<mjml><mj-body>" + "<mj-raw>" * 20_000 + "</mjml>",
    "MJML roots": "<mjml " * 30_000,
    "MJML that never ends": "<mjml><!--" + "<mj-style>" * 15_000 + "--></mjml>",
    "MJML of many elements": _MJML.format("<mj-text>a</mj-text>" * 2_400),
    "MJML that grows": "<mjml><mj-head><mj-attributes><mj-all font-family='"
    + "a" * 90_000
    + "'/></mj-attributes></mj-head><mj-body><mj-section><mj-column>"
    + "<mj-text>a</mj-text>" * 1_500
    + "</mj-column></mj-section></mj-body></mjml>",
    "MJML with a bomb": _MJML.format(
        "<mj-text>{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}</mj-text>"
    ),
}
SNIPPETS = {
    "itself": '{% include "itself" %}',
    "leaf": "x",
    "long": "x" * 190_000,
    "dull": "x" * 190_000 + "{% macro m() %}{% endmacro %}",
    "layout": "{% block a %}" + "x" * 150_000 + "{% endblock %}",
    "page": "{% block b %}{% block a %}{% endblock %}{% endblock %}",
    "endless": "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}",
    **{f"double {n}": f'{{% include "double {n + 1}" %}}' * 20 for n in range(9)},
    "double 9": "x",
}


def used() -> float:
    """Seconds of the processor so far, those of the MJML compiler's process among them."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak() -> float:
    """The most memory since `forget_peak`, in megabytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def forget_peak() -> None:
    """Begin to measure anew."""
    Path("/proc/self/clear_refs").write_text("5")


def detonate(source: str) -> dict[str, object]:
    """One bomb, then the next recipient's mail in the same process."""
    variables = {
        "s": TEXT,
        "items": list(range(1000)),
        "products": [{"name": f"é{n}" * 40, "none": None} for n in range(1000)],
        "price": Decimal("9999999.99"),
    }
    forget_peak()
    began, said = used(), ""
    try:
        made = make(Parts(html=source), fetch=lambda part: SNIPPETS.__getitem__)
        compile_template(channel="email", html=made.html).encode(variables=variables, links=LINKS)
    except RenderError as error:
        said = f"{error.reason}: {error.message}"
    seconds, most = used() - began, peak()
    after = compile_template(channel="email", html="<p>Dear {{ n }}</p>")
    mail = after.encode(variables={"n": "Ann"}, links=LINKS)
    return {
        "seconds": round(seconds, 3),
        "megabytes": round(most),
        "said": said,
        "goes_on": b"Dear Ann" in mail.html.whole(),
    }


if __name__ == "__main__":
    # So that many bombs together take little time, the clock may be set to less than a second.
    limits.MAX_SECONDS = limits.MAX_COMPILE_SECONDS = float(sys.argv[1])
    found = {name: detonate(BOMBS[name]) for name in sys.argv[2:] or BOMBS}
    # What the parent took before its fork is no bomb's.
    most = max(one["megabytes"] for one in found.values())
    print(json.dumps({"bombs": found, "most": most}))
