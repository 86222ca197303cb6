"""Every setting of the project; what may differ between machines is read from the environment."""

from pathlib import Path
from typing import Any

import environ
from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.utils.translation import gettext_lazy as _

from marketing.navigation import SIDEBAR, TEAL, reverse_lazy, static_lazy

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(env.str("RAPPORT_ENV_FILE", default=str(BASE_DIR / ".env")))

# Where the running set keeps its data, sockets aside.
VAR_DIR = Path(env.str("RAPPORT_VAR", default=str(BASE_DIR / "var")))
SECRET_KEY = env.str("SECRET_KEY")
DEBUG = env.bool("DEBUG", default=False)

# The address under which customers and staff reach this installation.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
# Where marketing/asgi.py streams live updates from.
LIVE_URL = env.str("LIVE_URL", default="http://127.0.0.1:8001").rstrip("/")
ALLOWED_HOSTS = env.list(
    "ALLOWED_HOSTS",
    default=["localhost", "127.0.0.1", "[::1]", environ.urlparse(PUBLIC_URL).hostname],
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.simple_history",
    # The admin is loaded with the addresses: workers, beat and the catcher do without it.
    "marketing.apps.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "axes",
    "csp",
    "django_celery_beat",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "phonenumber_field",
    "rest_framework",
    "simple_history",
    "crm",
    "marketing",
    "campaigns",
]

MIDDLEWARE = [
    "marketing.health.answer_probes",
    "crm.api.problems.answer_as_problems",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
    "crm.admin.veiling.veil_personal_data",
]

ROOT_URLCONF = "marketing.urls"
WSGI_APPLICATION = "marketing.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ],
            "libraries": {"rapport": "crm.admin.tags"},
        },
    },
]

# PostgreSQL is the truth; one kept connection per process, checked before use.
DATABASES = {"default": env.db_url("DATABASE_URL")}
DATABASES["default"].update(
    ENGINE="django.db.backends.postgresql",
    CONN_MAX_AGE=600,
    CONN_HEALTH_CHECKS=True,
    ATOMIC_REQUESTS=False,
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
}

# Celery only rings: no results, no late acks; the rows say what is to be done.
# Celery names the database of a socket in words of its own.
_SOCKET_BROKER = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_BROKER_URL = env.str(
    "CELERY_BROKER_URL",
    default=_SOCKET_BROKER if REDIS_URL.startswith("unix://") else REDIS_URL,
)
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_TIME_LIMIT = 1800
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "heartbeat": {"task": "marketing.tasks.heartbeat", "schedule": 5.0},
    "callbacks": {"task": "crm.tasks.process_callbacks", "schedule": 5.0},
    "fetched callbacks": {"task": "crm.tasks.fetch_callbacks", "schedule": 30.0},
    "queued messages": {"task": "crm.tasks.send_queued_messages", "schedule": 5.0},
    "recover messages": {"task": "crm.tasks.recover_messages", "schedule": 10.0},
    "doubts": {"task": "crm.tasks.reconcile_doubts", "schedule": 60.0},
    "sending domains": {"task": "crm.tasks.look_after_domains", "schedule": 60.0},
    "imports": {"task": "crm.tasks.run_imports", "schedule": 10.0},
    "exports": {"task": "crm.tasks.write_exports", "schedule": 10.0},
    "erasure": {"task": "crm.tasks.erase_customers", "schedule": 60.0},
    "data quality": {"task": "crm.tasks.look_at_quality", "schedule": 86_400.0},
    "retention": {"task": "crm.tasks.delete_what_is_old", "schedule": 3600.0},
    "files": {"task": "crm.tasks.tidy_files", "schedule": 3600.0},
    "answers": {"task": "campaigns.tasks.answer_conversations", "schedule": 10.0},
    "campaigns": {"task": "campaigns.tasks.advance_campaigns", "schedule": 5.0},
    "breakers": {"task": "campaigns.tasks.judge_campaigns", "schedule": 10.0},
    "changes": {"task": "marketing.tasks.follow_changes", "schedule": 15.0},
    "segments": {"task": "marketing.tasks.refresh_segments", "schedule": 15.0},
    "segment sizes": {"task": "marketing.tasks.sample_segments", "schedule": 1800.0},
    "reading": {"task": "marketing.tasks.read_messages", "schedule": 60.0},
    "training": {"task": "marketing.tasks.train_due", "schedule": 3600.0},
    "accounts": {"task": "crm.tasks.look_after_accounts", "schedule": 10.0},
    "notices": {"task": "crm.tasks.mail_notices", "schedule": 10.0},
    "webhooks": {"task": "crm.tasks.deliver_webhooks", "schedule": 10.0},
    "mailboxes": {"task": "crm.tasks.read_mailboxes", "schedule": 15.0},
    "old calls": {"task": "crm.tasks.forget_old_calls", "schedule": 3600.0},
    "duplicates": {"task": "crm.tasks.find_duplicates", "schedule": 3600.0},
}
# A bell that nobody heard is rung again: an old one is worth nothing.
for _bell in CELERY_BEAT_SCHEDULE.values():
    _bell["options"] = {"expire_seconds": int(2 * _bell["schedule"])}
# A worker process that has grown by training is replaced after its task; in kilobytes.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = env.int("WORKER_MAX_MEMORY_KB", default=200_000)

# Where messages go. The defaults are the built-in catcher and provider simulator: nothing
# leaves this machine until these say so.
CATCHER_SMTP_PORT = env.int("RAPPORT_CATCHER_SMTP_PORT", default=2525)
CATCHER_HTTP_PORT = env.int("RAPPORT_CATCHER_HTTP_PORT", default=2580)
EMAIL_URL = env.str("EMAIL_URL", default=f"smtp://127.0.0.1:{CATCHER_SMTP_PORT}")
EMAIL_FROM = env.str("EMAIL_FROM", default="Rapport Demo Shop <shop@rapport.example>")
EMAIL_BOUNCE_DOMAIN = env.str("EMAIL_BOUNCE_DOMAIN", default="bounce.rapport.example")
# The hosts that our mails leave from, where they are not the mail servers themselves: for SPF.
EMAIL_SENDING_HOSTS: list[str] = env.list("EMAIL_SENDING_HOSTS", default=[])
# Who is asked about sending domains, address or address:port; nobody is whom this machine asks.
DNS_SERVERS: list[str] = env.list("DNS_SERVERS", default=[])
# After so many months a key that signs mails is to be replaced; 0 is never by itself.
DKIM_ROTATE_MONTHS = env.int("DKIM_ROTATE_MONTHS", default=0)
# So many soft bounces in a row within so many days close an address for a while.
SOFT_BOUNCES = env.int("SOFT_BOUNCES", default=5)
SOFT_BOUNCE_DAYS = env.int("SOFT_BOUNCE_DAYS", default=30)
# Providers that post mails to us show it; nothing is taken while it is empty.
POSTED_MAIL_TOKEN: str = env.str("POSTED_MAIL_TOKEN", default=None) or ""
SMS_URL = env.str("SMS_URL", default=f"http://127.0.0.1:{CATCHER_HTTP_PORT}/sms/messages")
SMS_FROM = env.str("SMS_FROM", default="+441134960000")
SMS_API_KEY = env.str("SMS_API_KEY", default="simulator")
# Private places that the accounts and mailboxes of staff may lead to: host, network or
# host:port. EMAIL_URL and SMS_URL need no leave.
PROVIDER_ALLOWED_HOSTS: list[str] = env.list(
    "PROVIDER_ALLOWED_HOSTS",
    default=[f"127.0.0.1:{CATCHER_SMTP_PORT}", f"127.0.0.1:{CATCHER_HTTP_PORT}"],
)
# Signs callbacks of the SMS provider; made at first start where it is not given.
SMS_CALLBACK_SECRET = env.str("SMS_CALLBACK_SECRET", default=SECRET_KEY)
# What secrets in the database are encrypted with, the newest key first; SECRET_KEY where empty.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[])
# Whether what customers and staff write is encrypted in the database too.
ENCRYPT_MESSAGE_BODIES = env.bool("ENCRYPT_MESSAGE_BODIES", default=False)
# Whether the ledger of consent keeps the IP address that a decision came from.
CONSENT_KEEP_IP = env.bool("CONSENT_KEEP_IP", default=False)
# How long a link that confirms a sign-up works.
CONSENT_CONFIRM_DAYS = env.int("CONSENT_CONFIRM_DAYS", default=14)
# How old a segment may grow before it is computed again, and how long one may take.
SEGMENT_REFRESH_MINUTES = env.int("SEGMENT_REFRESH_MINUTES", default=1440)
SEGMENT_REFRESH_CONNECTIONS = env.int("SEGMENT_REFRESH_CONNECTIONS", default=2)
SEGMENT_TIMEOUT_SECONDS = env.int("SEGMENT_TIMEOUT_SECONDS", default=60)
# How old a training run may grow before a new one is made.
TRAINING_REFRESH_DAYS = env.int("TRAINING_REFRESH_DAYS", default=7)
# Files of imports may be this large, and are kept this long, as are the files of exports.
IMPORT_MAX_MEGABYTES = env.int("IMPORT_MAX_MEGABYTES", default=1024)
IMPORT_KEEP_DAYS = env.int("IMPORT_KEEP_DAYS", default=30)
EXPORT_KEEP_DAYS = env.int("EXPORT_KEEP_DAYS", default=7)
SHOP_CURRENCY = env.str("SHOP_CURRENCY", default="EUR")

# A launch can be taken back for this long before anything is planned.
LAUNCH_UNDO_SECONDS = env.int("LAUNCH_UNDO_SECONDS", default=10)
# To launch to more people than this, staff type the name of the campaign.
LAUNCH_CONFIRM_ABOVE = env.int("LAUNCH_CONFIRM_ABOVE", default=1000)
# At most this many marketing messages a channel and person in so many days; 0 is no cap.
CAMPAIGN_FREQUENCY_CAP = env.int("CAMPAIGN_FREQUENCY_CAP", default=7)
CAMPAIGN_FREQUENCY_CAP_DAYS = env.int("CAMPAIGN_FREQUENCY_CAP_DAYS", default=7)
# How many workers send one campaign side by side.
CAMPAIGN_SENDERS = env.int("CAMPAIGN_SENDERS", default=2)
# How long a message that its provider put off waits for its next try.
CAMPAIGN_RETRY_SECONDS = env.int("CAMPAIGN_RETRY_SECONDS", default=120)
# A transactional message in doubt is sent again after so many minutes, and may then arrive twice;
# 0 is never. Marketing never is.
IN_DOUBT_RESEND_MINUTES = env.int("IN_DOUBT_RESEND_MINUTES", default=30)
# An account of whose messages this share fails within a minute is left alone for a while, but not
# for less than so many failures; the rest doubles with every trial that fails. 0 is never.
ACCOUNT_ERROR_RATE = env.float("ACCOUNT_ERROR_RATE", default=0.5)
ACCOUNT_ERRORS_MIN = env.int("ACCOUNT_ERRORS_MIN", default=10)
ACCOUNT_REST_SECONDS = env.int("ACCOUNT_REST_SECONDS", default=30)
# A campaign is paused by itself at these shares, but not for less than so many; 0 is never.
CAMPAIGN_ERROR_RATE = env.float("CAMPAIGN_ERROR_RATE", default=0.25)
CAMPAIGN_ERRORS_MIN = env.int("CAMPAIGN_ERRORS_MIN", default=50)
CAMPAIGN_BOUNCE_RATE = env.float("CAMPAIGN_BOUNCE_RATE", default=0.05)
CAMPAIGN_BOUNCES_MIN = env.int("CAMPAIGN_BOUNCES_MIN", default=20)
CAMPAIGN_COMPLAINT_RATE = env.float("CAMPAIGN_COMPLAINT_RATE", default=0.001)
CAMPAIGN_COMPLAINTS_MIN = env.int("CAMPAIGN_COMPLAINTS_MIN", default=3)

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
AXES_VERBOSE = False
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "marketing" / "locale"]
FORMAT_MODULE_PATH = "marketing.formats"
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
X_FRAME_OPTIONS = "SAMEORIGIN"
# unfold's Alpine needs unsafe-eval and inline styles; public pages replace this by a strict one.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF, LIVE_URL],
        "script-src": [SELF, NONCE, UNSAFE_EVAL],
        "style-src": [SELF, UNSAFE_INLINE],
        "img-src": [SELF, "data:"],
        "frame-src": [SELF],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [SELF],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissions"],
    "DEFAULT_SCHEMA_CLASS": "crm.api.schema.Schema",
    "URL_FORMAT_OVERRIDE": None,
}
# How often one API key may call.
API_RATE = env.str("API_RATE", default="1200/min")
# Where events of the tracking API wait until they are in the database.
SPOOL_DIR = VAR_DIR / "spool"
# Whether an event is acknowledged only once it survives a power cut too.
INGEST_FSYNC = env.bool("INGEST_FSYNC", default=True)
# How often one write key may call the tracking API.
TRACK_RATE = env.str("TRACK_RATE", default="600000/min")
# How much is noted of who opens a message and follows its links: personal, aggregate or off.
TRACKING_MODE = env.str("TRACKING_MODE", default="personal")
# Whether tracked mails have a link that nobody sees, by which machines that follow it are known.
TRAP_LINK = env.bool("TRAP_LINK", default=True)
# Whether List-Unsubscribe names an address too: auto is where a mailbox of ours is read.
UNSUBSCRIBE_BY_MAIL = env.str("UNSUBSCRIBE_BY_MAIL", default="auto")
# How long a request to the API may be, uploads of imports aside; in bytes.
API_MAX_BODY = env.int("API_MAX_BODY", default=5_000_000)
# Private hosts that webhooks may call nevertheless, such as a receiver on this machine.
WEBHOOK_ALLOWED_HOSTS = env.list("WEBHOOK_ALLOWED_HOSTS", default=[])
SPECTACULAR_SETTINGS = {
    "TITLE": "Rapport API",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "COMPONENT_NO_READ_ONLY_REQUIRED": True,
    "ENUM_NAME_OVERRIDES": {
        f"{name}Enum": f"crm.choices.{name}"
        for name in (
            "AttributeState",
            "AttributeType",
            "ConsentState",
            "DecisionSource",
            "ExportState",
            "IdentityKind",
            "ImportState",
            "MergeCause",
            "OrderState",
            "PrivacyKind",
            "PrivacyState",
            "SuppressionReason",
            "WebhookState",
        )
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "crm.api.schema.describe_whole",
    ],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "crm.masking.LogFormatter",
            "format": "%(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A line for each call to a provider would drown the others.
    "loggers": {"httpx": {"level": "WARNING"}},
}

UNFOLD = {
    "SITE_TITLE": "Rapport",
    "SITE_HEADER": "Rapport",
    "SITE_SUBHEADER": _("Customers and campaigns"),
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": static_lazy("crm/favicon.svg"),
        }
    ],
    "SHOW_LANGUAGES": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "STYLES": [
        static_lazy("crm/admin.css"),
        static_lazy("crm/screens.css"),
    ],
    "SCRIPTS": [static_lazy("crm/admin.js"), static_lazy("crm/assist.js")],
    "DASHBOARD_CALLBACK": "marketing.admin.dashboard.fill",
    "COMMAND": {"search_callback": "crm.admin.global_search.find"},
    "COLORS": {"primary": TEAL},
    "SIDEBAR": SIDEBAR,
}
