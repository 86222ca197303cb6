from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from django.db import migrations

import json

_SECURITY = {"smtp": "none", "smtp+tls": "starttls", "smtps": "tls"}
_BY_OPTION = {"none": "none", "starttls": "starttls", "implicit": "tls"}
_SCHEME = {word: scheme for scheme, word in _SECURITY.items()}
_KEPT = ("connections", "timeout", "hello")


def to_fields(apps, schema_editor):
    """What stood in an address stands in a field each."""
    for row in apps.get_model("crm", "ProviderAccount").objects.filter(provider="email"):
        if not row.url:
            continue
        parts = urlsplit(row.url)
        said = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        security = _SECURITY.get(parts.scheme, "none")
        if security == "none" and parts.username:
            security = "starttls"
        # An address without a port meant the usual one of its scheme, not of its security.
        usual = {"smtp": 25, "smtp+tls": 587, "smtps": 465}.get(parts.scheme, 25)
        facts = {
            "host": parts.hostname or "",
            "port": str(parts.port or usual),
            "security": _BY_OPTION.get(said.get("tls", ""), security),
            "user": unquote(parts.username or ""),
        }
        row.options = {**facts, **{name: said[name] for name in _KEPT if name in said}}
        row.options["timeout"] = str(int(float(row.options.get("timeout", "60"))))
        secrets = json.loads(row.secrets) if row.secrets else {}
        password = secrets.pop("url_password", "")
        secrets.pop("api_key", "")
        row.secrets = json.dumps({**secrets, **({"password": password} if password else {})})
        row.url = ""
        row.save(update_fields=["url", "options", "secrets"])


def to_addresses(apps, schema_editor):
    """The same back again; what an address cannot say is left out."""
    for row in apps.get_model("crm", "ProviderAccount").objects.filter(provider="email"):
        said = row.options
        if not said.get("host"):
            continue
        scheme = _SCHEME[said.get("security") or "starttls"]
        user = f"{quote(said['user'], safe='')}@" if said.get("user") else ""
        port = f":{said['port']}" if said.get("port") else ""
        tls = {"tls": "implicit"}.get(said.get("security"), said.get("security") or "starttls")
        options = {"tls": tls, **{name: said[name] for name in _KEPT if said.get(name)}}
        row.url = f"{scheme}://{user}{said['host']}{port}?{urlencode(options)}"
        secrets = json.loads(row.secrets) if row.secrets else {}
        password = secrets.pop("password", "")
        kept = {name: secrets[name] for name in ("callback_secret",) if name in secrets}
        row.secrets = json.dumps({**kept, **({"url_password": password} if password else {})})
        row.options = {}
        row.save(update_fields=["url", "options", "secrets"])


class Migration(migrations.Migration):

    dependencies = [
        ('crm', '0029_pauses_of_providers'),
    ]

    operations = [migrations.RunPython(to_fields, to_addresses)]
