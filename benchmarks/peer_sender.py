"""Queues mails with django-post_office, lets it send them, and prints how many it sent a second.

`python -m benchmarks.peer_sender MAILS PORT WORKERS`; its tables are in a schema of their own.
"""

import json
import sys
import time
from typing import Any

import django
from django.conf import settings

_CARD = """<div class="card"><a href="{{ p.url }}?from=picture">
<img src="{{ p.image_url }}" width="120" height="120" alt="{{ p.name }}"></a>
<h3><a href="{{ p.url }}?from=title">{{ p.name }}</a></h3>
<p>From our {{ p.category|lower }} shelf; picked by hand, packed the same day.</p>
<p><span class="price">€{{ p.price|floatformat:2 }}</span></p></div>"""
_STORY = (
    "Every leaf in this spring's harvest was carried down the hill in baskets, weighed twice and "
    "dried over wood fires. What does not please may come back within sixty days, unopened or not."
)
_HTML = f"""<html><body><p>Dear {{{{ first_name }}}}, {{{{ points }}}} points</p>
{{% for p in products %}}{_CARD}{{% endfor %}}{"".join(f"<p>{_STORY}</p>" for _ in range(8))}
<a href="{{{{ way_out }}}}">Unsubscribe</a></body></html>"""
_TEXT = "Dear {{ first_name }}{% for p in products %} - {{ p.name }} {{ p.url }}{% endfor %}"


def run(mails: int, port: int, workers: int) -> None:
    """Queue, send, print."""
    _configure(port)
    from django.core.management import call_command
    from post_office import mail
    from post_office.models import EmailTemplate

    call_command("migrate", verbosity=0)
    template, _ = EmailTemplate.objects.get_or_create(
        name="cards", defaults={"subject": "{{ first_name }}", "html_content": _HTML}
    )
    EmailTemplate.objects.filter(pk=template.pk).update(content=_TEXT)
    template.refresh_from_db()
    mail.send_many([_one(number, template) for number in range(mails)])
    started = time.perf_counter()
    sent, failed, *_ = mail.send_queued(processes=workers, log_level=0)
    taken = time.perf_counter() - started
    if (sent, failed) != (mails, 0):
        raise RuntimeError(f"django-post_office sent {sent} of {mails}, {failed} failed.")
    print(json.dumps({"per_second": sent / taken}))


def _one(number: int, template: Any) -> dict[str, Any]:
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
    return {
        "recipients": [f"reader{number}@bench.example"],
        "sender": "shop@bench.example",
        "template": template,
        "context": {
            "first_name": "Ann",
            "points": number % 1000,
            "products": products,
            "way_out": f"https://shop.example/u/{number}",
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
