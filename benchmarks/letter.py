"""The mails that are sent: one with a few merge fields, one with cards and many tracked links."""

from dataclasses import dataclass

_STYLE = """
body { margin: 0; background: #f6f4ef; color: #2b2b2b; font-family: Georgia, serif; }
.sheet { width: 600px; margin: 0 auto; background: #ffffff; }
.top { padding: 22px 30px; background: #24523b; color: #ffffff; font-size: 21px; }
.say { padding: 14px 30px; font-size: 15px; line-height: 23px; }
.go { display: inline-block; padding: 11px 22px; background: #b5532a; color: #ffffff; }
.card { margin: 8px; padding: 12px; border: 1px solid #dedace; border-radius: 5px; }
.card h3 { margin: 0 0 6px; font-size: 16px; } .card p { margin: 0; font-size: 13px; }
.price { color: #b5532a; font-size: 17px; font-weight: bold; }
.end { padding: 22px 30px; font-size: 12px; color: #7d7a72; }
"""
_CARD = """
<div class="card">
<a href="{{ p.url }}?from=picture"><img src="{{ p.image_url }}" width="120" height="120"
 alt="{{ p.name }}"></a>
<h3><a href="{{ p.url }}?from=title">{{ p.name }}</a></h3>
<p>From our {{ p.category|lower }} shelf; picked by hand, packed the same day.</p>
<p><span class="price">{{ p.price|money(orders.last.currency) }}</span></p>
</div>"""
_STORY = (
    "Every leaf in this spring's harvest was carried down the hill in baskets, weighed twice and "
    "dried over wood fires. What does not please may come back within sixty days, unopened or not."
)


@dataclass(frozen=True, slots=True)
class Letter:
    """What staff would write into a template."""

    name: str
    subject: str
    html: str
    text: str


_SUBJECT = "{{ customer.first_name|default_name }}, the spring harvest is here"
_HTML = f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Spring harvest</title><style>{_STYLE}</style></head>
<body><div class="sheet">
<div class="top">The Tea Room</div>
<div class="say">Dear {{{{ customer.first_name|default_name }}}},</div>
<div class="say">{{% if orders.count > 5 %}}You are one of our <b>oldest friends</b> in
{{{{ customer.city }}}}: shipping is on us.{{% else %}}Two more orders and
<a href="https://shop.example/friends">shipping is free</a> to
{{{{ customer.city }}}}.{{% endif %}}
You have {{{{ customer.attributes.points }}}} points{{% if customer.attributes.points > 500 %}},
enough for a pot of your choice{{% endif %}}.</div>
<div class="say"><a class="go" href="https://shop.example/spring">See the harvest</a></div>
{{% for p in orders.last.products %}}{_CARD}{{% endfor %}}
<div class="say">You last ordered on {{{{ orders.last.date|date }}}}:
<a href="https://shop.example/again/{{{{ orders.last.number }}}}">order the same again</a>.</div>
{chr(10).join(f'<div class="say">{_STORY}</div>' for _ in range(8))}
<div class="say"><a href="https://shop.example/rooms">Rooms near {{{{ customer.city }}}}</a> ·
<a href="https://shop.example/help">Help</a> ·
<a href="https://social.example/tea">Follow us</a></div>
<div class="end">You asked for this as {{{{ customer.email }}}}.
<a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a> ·
<a href="{{{{ preferences_url }}}}">Choose what you get</a></div>
</div></body></html>"""
_TEXT = """Dear {{ customer.first_name|default_name }},

the spring harvest is here; you have {{ customer.attributes.points }} points.
https://shop.example/spring
{% for p in orders.last.products %}
- {{ p.name }} {{ p.price|money(orders.last.currency) }}: {{ p.url }}{% endfor %}

Unsubscribe: {{ unsubscribe_url }}
"""
_PLAIN_HTML = f"""<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>Spring harvest</title><style>{_STYLE}</style></head>
<body><div class="sheet"><div class="say">Dear {{{{ customer.first_name|default_name }}}},</div>
{chr(10).join(f'<div class="say">{_STORY}</div>' for _ in range(32))}
<div class="say">{{{{ customer.city }}}}: {{{{ customer.attributes.points }}}} points.
<a href="https://shop.example/spring">See the harvest</a></div>
<div class="end"><a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a></div>
</div></body></html>"""
_PLAIN_TEXT = """Dear {{ customer.first_name|default_name }},

the spring harvest is here. Unsubscribe: {{ unsubscribe_url }}
"""

# Three merge fields, one tracked link, 10 kB of copy.
FIELDS = Letter("merge fields", _SUBJECT, _PLAIN_HTML, _PLAIN_TEXT)
# Fourteen products of the reader's own, thirty-five links, a condition or two.
CARDS = Letter("cards", _SUBJECT, _HTML, _TEXT)
