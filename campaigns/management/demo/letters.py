"""The demo shop's templates: a newsletter with product cards, a plain letter and an SMS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape

from django.conf import settings

from crm import templates
from crm.choices import Channel
from crm.models import Template
from crm.products import NewProduct

FOLDER = settings.BASE_DIR / "templates" / "messages"
COLOURS = ("#2f6b4f", "#8a5a3c", "#4a5d8a", "#a3763a")
CARDS_IN_A_ROW = 2

ENGLISH = {
    "lang": "en",
    "title": "New on our shelves",
    "greeting": "Hello {{ customer.first_name|default_name }},",
    "opening": "the new season is on our shelves. Four things we are fond of, chosen for you in "
    "{{ customer.city or 'your town' }}:",
    "last_order": "Thank you for your last order of {{ orders.last.date|date }}"
    "{% if orders.last.products %} – we hope you enjoy the {{ orders.last.products[0].name }}"
    "{% endif %}.",
    "button": "See everything new",
    "look": "Have a look",
    "why": "You get this because you subscribed to our newsletter.",
    "in_browser": "Read in the browser",
    "preferences": "Preferences",
    "unsubscribe": "Unsubscribe",
}
CHINESE = {
    "lang": "zh-Hans",
    "title": "新品上架",
    "greeting": "{{ customer.full_name|default_name }}，您好：",
    "opening": "新一季的好物已经上架。我们为您挑选了四件喜爱的商品：",
    "last_order": "感谢您在 {{ orders.last.date|date }} 的订购"
    "{% if orders.last.products %}，希望您喜欢“{{ orders.last.products[0].name }}”{% endif %}。",
    "button": "查看全部新品",
    "look": "看一看",
    "why": "您收到此邮件是因为您订阅了我们的资讯。",
    "in_browser": "在浏览器中阅读",
    "preferences": "偏好设置",
    "unsubscribe": "退订",
}

LETTER = """<p>Hello {{ customer.first_name|default_name }},</p>
<p>we have not heard from you for a while{% if orders.last %} – your last order was on
{{ orders.last.date|date }}{% endif %}. Is there something that we could do better? Just answer
this mail: a person reads it.</p>
<p>Warm regards<br>{{ shop.name }}</p>
<p><a href="{{ unsubscribe_url }}">No more letters, please</a></p>
"""
SMS = (
    "{% if language.startswith('zh') %}{{ customer.full_name|default_name }}，本周末全场包邮："
    "{{ shop.url }} 退订回复 TD{% else %}Hello {{ customer.first_name|default_name }}, "
    "this weekend we ship for free: {{ shop.url }} Reply STOP to opt out{% endif %}"
)


@dataclass(frozen=True)
class Letter:
    """A template to publish."""

    name: str
    channel: str
    subject: str = ""
    html: str = ""
    text: str = ""


def publish_all(*, products: Sequence[NewProduct], now: datetime) -> dict[str, Template]:
    """Publish every template and give them by name."""
    published = {}
    for letter in _letters(products):
        template, _made = Template.objects.get_or_create(
            name=letter.name, defaults={"channel": letter.channel, "created_at": now}
        )
        templates.publish(
            template=template,
            subject=letter.subject,
            html=letter.html,
            text=letter.text,
            by=None,
            now=now,
        )
        published[letter.name] = template
    return published


def _letters(products: Sequence[NewProduct]) -> list[Letter]:
    return [
        Letter(
            "Newsletter",
            Channel.EMAIL,
            "{{ customer.first_name|default_name }}, new on our shelves",
            _newsletter(ENGLISH, products),
        ),
        Letter(
            "新品资讯",
            Channel.EMAIL,
            "{{ customer.full_name|default_name }}，新品上架了",
            _newsletter(CHINESE, products),
        ),
        Letter(
            "We miss you",
            Channel.EMAIL,
            "How are you, {{ customer.first_name|default_name }}?",
            LETTER,
        ),
        Letter("Weekend shipping", Channel.SMS, text=SMS),
    ]


def _newsletter(words: Mapping[str, str], products: Sequence[NewProduct]) -> str:
    card = (FOLDER / "card.html").read_text(encoding="utf-8")
    cells = [
        _fill(card, {**words, **_card(product, colour)})
        for product, colour in zip(products, COLOURS, strict=False)
    ]
    rows = [
        f"    <tr>\n{''.join(cells[start : start + CARDS_IN_A_ROW])}    </tr>"
        for start in range(0, len(cells), CARDS_IN_A_ROW)
    ]
    page = (FOLDER / "newsletter.html").read_text(encoding="utf-8")
    return _fill(page, {**words, "cards": "\n".join(rows)})


def _card(product: NewProduct, colour: str) -> dict[str, str]:
    return {
        "colour": colour,
        "letter": escape(product.name[:1]),
        "name": escape(product.name),
        "category": escape(product.category),
        "price": str(product.price),
        "url": escape(product.url),
    }


def _fill(page: str, words: Mapping[str, str]) -> str:
    """Put words in the places marked [[so]]; what is Jinja in them stays Jinja."""
    for name, value in words.items():
        page = page.replace(f"[[{name}]]", value)
    return page
