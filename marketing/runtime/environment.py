"""The environment that settings read: from `.env`, and filled in by the embedded engines."""

import os
import secrets
from pathlib import Path

from marketing.runtime import engines, places
from marketing.runtime.bootstrap import BASE_DIR
from marketing.runtime.engines import Engine
from marketing.runtime.places import Places

# Names another file than `.env`; tests name an empty one.
ENV_FILE = "RAPPORT_ENV_FILE"
# Tells every child its name in the running set.
PROCESS = "RAPPORT_PROCESS"
ENGINES = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL"}
# What one command must know to join a running set.
SHARED = (
    "DATABASE_URL",
    "REDIS_URL",
    "PUBLIC_URL",
    "LIVE_URL",
    "RAPPORT_CATCHER_SMTP_PORT",
    "RAPPORT_CATCHER_HTTP_PORT",
)


def load() -> Places:
    """Read `.env`, name the settings, have a secret key; where the data of this installation is."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketing.settings")
    file = Path(os.environ.get(ENV_FILE) or BASE_DIR / ".env")
    if file.is_file():
        import environ

        environ.Env.read_env(file)
    here = places.of_environment()
    if not os.environ.get("SECRET_KEY"):
        os.environ["SECRET_KEY"] = _kept_secret(here)
    return here


def embedded() -> list[str]:
    """The engines nobody named an address for, so that we run our own."""
    return [name for name, variable in ENGINES.items() if not os.environ.get(variable)]


def own_url(name: str, here: Places) -> str:
    """Where the embedded engine of this name answers."""
    make_url = {"postgres": engines.database_url, "valkey": engines.redis_url}[name]
    return make_url(here.sockets())


def prepare_engines(here: Places, *, durable: bool = True) -> list[Engine]:
    """Prepare the engines nobody named an address for, and export theirs."""
    prepare = {"postgres": engines.postgres, "valkey": engines.valkey}
    wanted = []
    for name in embedded():
        wanted.append(prepare[name](here, durable=durable))
        os.environ[ENGINES[name]] = own_url(name, here)
    return wanted


def export_addresses(here: Places) -> None:
    """Say where the engines would answer, for commands that only read settings."""
    for name in embedded():
        os.environ[ENGINES[name]] = own_url(name, here)


def shared() -> dict[str, str]:
    """The part of the environment that other commands take over."""
    return {name: os.environ[name] for name in SHARED if name in os.environ}


def _kept_secret(here: Places) -> str:
    places.make(here)
    path = here.var / "secret_key"
    if not path.exists():
        places.write_private(path, secrets.token_urlsafe(50))
    return path.read_text(encoding="utf-8").strip()
