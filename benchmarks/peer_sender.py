"""Queues mails with django-post_office, lets it send them, and prints how many it sent a second.

`python -m benchmarks.peer_sender MAILS PORT WORKERS`; its tables are in a schema of their own.

It is the mail of `benchmarks/letter.py`, in the words of Django's templates: the same copy, styles
inlined once, as many links with a token each, the same headers. What it has easier: the tokens
come with the context, nobody asks for consent, and no mail is written down as it was sent.
"""

import json
import re
import sys
import time
from itertools import count
from typing import Any

import css_inline
import django
from django.conf import settings

from benchmarks.letter import CARDS

_WORDS = (
    ("|default_name", '|default:"there"'),
    ("|money(orders.last.currency)", "|floatformat:2"),
    ("orders.last.date|date", "orders.last.date"),
)
_TAG = re.compile(r"\{[{%].*?[%}]\}")
_MASK = re.compile(r"@(\d+)@")
_LINK = re.compile(r'(<a [^>]*href=")([^"]*)"')
_PIXEL = '<img src="{{ pixel_url }}" width="1" height="1" alt=""></body>'
_TOKEN = "hB3vQz8Lr1mK0pXw9sYtJg"


def run(mails: int, port: int, workers: int) -> None:
    """Queue, send, print."""
    _configure(port)
    from django.core.management import call_command
    from django.db import connection
    from post_office import mail
    from post_office.models import Email, EmailTemplate

    call_command("migrate", verbosity=0)
    template, _ = EmailTemplate.objects.update_or_create(
        name="cards",
        defaults={
            "subject": _in_its_words(CARDS.subject),
            "html_content": _html(),
            "content": _in_its_words(CARDS.text),
        },
    )
    mail.send_many([_one(number, template) for number in range(mails)])
    started = time.perf_counter()
    sent, failed, *_ = mail.send_queued(processes=workers, log_level=0)
    taken = time.perf_counter() - started
    if (sent, failed) != (mails, 0):
        raise RuntimeError(f"django-post_office sent {sent} of {mails}, {failed} failed.")
    # Only now: what is connected before the workers are forked, they share.
    connection.close()
    size = len(Email.objects.latest("id").email_message().message().as_bytes())
    print(json.dumps({"per_second": sent / taken, "mail_bytes": size}))


def _html() -> str:
    """The mail as it is published: links with tokens, styles where they apply."""
    tags: list[str] = []

    def mask(tag: re.Match[str]) -> str:
        tags.append(tag[0])
        return f"@{len(tags) - 1}@"

    inlined = css_inline.inline(_TAG.sub(mask, _tracked(_in_its_words(CARDS.html))))
    return _MASK.sub(lambda masked: tags[int(masked[1])], inlined).replace("</body>", _PIXEL)


def _tracked(html: str) -> str:
    """Every link of the author's own by its number; in the loop also by the round."""
    numbers, loop = count(), range(html.index("{% for "), html.index("{% endfor %}"))

    def link(found: re.Match[str]) -> str:
        if found[2] in ("{{ unsubscribe_url }}", "{{ preferences_url }}"):
            return found[0]
        turn = "{{ forloop.counter }}" if found.start() in loop else ""
        return f'{found[1]}{{{{ click_url }}}}{turn}{next(numbers)}"'

    return _LINK.sub(link, html)


def _in_its_words(text: str) -> str:
    for ours, theirs in _WORDS:
        text = text.replace(ours, theirs)
    return text


def _one(number: int, template: Any) -> dict[str, Any]:
    address = f"reader{number}@bench.example"
    products = [
        {
            "url": f"https://shop.example/p/{(number * 7 + k) % 1000}",
            "image_url": f"https://shop.example/i/{(number * 7 + k) % 1000}.png",
            "name": f"Tea number {(number * 7 + k) % 1000}",
            "category": "Green",
            "price": 10.0,
        }
        for k in range(14)
    ]
    last = {"products": products, "date": "23 November 2026", "number": f"o{number}"}
    urls = {
        f"{name}_url": f"https://shop.example/{name[0]}/{_TOKEN}{number}/"
        for name in ("click", "pixel", "unsubscribe", "preferences")
    }
    return {
        "recipients": [address],
        "sender": "shop@bench.example",
        "template": template,
        "context": {
            "customer": {
                "first_name": "Ann",
                "city": f"City {number % 500}",
                "email": address,
                "attributes": {"points": number % 1000},
            },
            "orders": {"count": number % 10, "last": last},
            **urls,
        },
        "headers": {
            "List-Unsubscribe": f"<{urls['unsubscribe_url']}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": "<marketing.bench.example>",
            "Feedback-ID": "delivery-1:marketing:email:rapport",
            "Precedence": "bulk",
        },
        "render_on_delivery": True,
    }


def _configure(port: int) -> None:
    settings.configure(
        DATABASES={"default": json.load(sys.stdin)},
        INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        EMAIL_BACKEND="post_office.EmailBackend",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=port,
        TEMPLATES=[
            {"BACKEND": "django.template.backends.django.DjangoTemplates"},
            {
                "BACKEND": "post_office.template.backends.post_office.PostOfficeTemplates",
                "OPTIONS": {},
            },
        ],
        POST_OFFICE={
            "BATCH_SIZE": 5000,
            "CONTEXT_FIELD_CLASS": "django.db.models.JSONField",
            "TEMPLATE_ENGINE": "django",
            "LOG_LEVEL": 0,
        },
        USE_TZ=True,
    )
    django.setup()


if __name__ == "__main__":
    run(*map(int, sys.argv[1:]))
