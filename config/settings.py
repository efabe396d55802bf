"""Django settings. Every value that may differ between machines comes from `config.env`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF

from config import database, env, state, telemetry

BASE_DIR = Path(__file__).resolve().parent.parent
ENV = env.read()

STATE_DIR = ENV.state_dir.resolve()
ARTIFACTS_DIR = state.directory(STATE_DIR / "artifacts")

SECRET_KEY = ENV.secret_key or state.generated_secret(STATE_DIR, "secret_key")
AUDIT_KEY = ENV.audit_key or state.generated_secret(STATE_DIR, "audit_key")
# Who reads strong findings for the agent `llm_analyst`: a callable without arguments.
ANALYST = "approvals.services.make_analyst" if ENV.llm_enabled else ""
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENV.trusted_origins)

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "approvals.apps.ApprovalsConfig",
    "trading.apps.TradingConfig",
    "strategies.apps.StrategiesConfig",
    "marketdata.apps.MarketdataConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "channels",
    "csp",
    "django_celery_beat",
    "django_filters",
    "django_htmx",
    "drf_spectacular",
    "rest_framework",
    "template_partials",
]

MIDDLEWARE = [
    "config.telemetry.CorrelationMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "config.static_files.StaticFilesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.sessions.SessionUseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.second_factor.SecondFactorMiddleware",
    "config.administration.ConfirmedAdministrationMiddleware",
    "config.idempotency.IdempotencyMiddleware",
    "config.errors.DomainErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context.console",
            ],
        },
    },
]

# Stores
DATABASES = database.databases(ENV, STATE_DIR)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = ENV.redis_url or f"unix://{state.bus_socket(STATE_DIR)}"
# Lockouts and sessions must survive a restart or a flush of the bus.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
        # Beyond this the oldest go: made-up names must not push lockouts out.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [database.redis_url(REDIS_URL, 1)], "prefix": "countersign"},
    }
}

# People
AUTH_USER_MODEL = "auth.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "config.accounts.ClosedSignupAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/5m/key"}
MFA_ADAPTER = "trading.services.second_factor.SealingAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_RECOVERY_CODE_COUNT = 10
MFA_RECOVERY_CODE_DIGITS = 10

SESSION_ENGINE = "config.sessions"
SESSION_COOKIE_AGE = 12 * 60 * 60  # from the sign-in on, whatever happens in it
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.errors.csrf_failed"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV.https
SECURE_SSL_REDIRECT = False  # the proxy in front decides; see docs/operating
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENV.https else None
SECURE_HSTS_SECONDS = 31_536_000 if ENV.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = ENV.https
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Static files: own ones, and single files of installed packages
STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "config.finders.PackageFileFinder",
]
PACKAGE_STATIC_FILES = {
    "vendor/lightweight-charts.js": ("litecharts", "js/lightweight-charts.js"),
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG

# Time and language
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
USE_I18N = False

# API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "trading.authentication.ApiTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.permissions.DenyUnlessDeclared"],
    "DEFAULT_RENDERER_CLASSES": ["config.rendering.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "config.pagination.CursorPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.errors.api_exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["config.throttling.WindowThrottle"],
    "DEFAULT_THROTTLE_RATES": {"login": "10/min", "writes": "600/min"},
    "COERCE_DECIMAL_TO_STRING": True,
    "DATETIME_FORMAT": None,  # the renderer writes instants: UTC, ms, Z
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is a parameter of ours
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Countersign",
    "VERSION": "1",
    "DESCRIPTION": "The REST surface of a Countersign console.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["config.schema.only_versioned"],
    "POSTPROCESSING_HOOKS": ["config.schema.add_conventions"],
    "COMPONENT_SPLIT_REQUEST": True,
    "OAS_VERSION": "3.1.0",  # the JSON schema that pydantic writes
}

# Jobs. Every task is idempotent by construction; a message is only a hint.
CELERY_BROKER_URL = database.celery_broker_url(REDIS_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 20
CELERY_TASK_TIME_LIMIT = 30
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 60,  # above the time limit; nothing uses an ETA above 5 s
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "health_check_interval": 10,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "retry_on_timeout": True,
}
CELERY_TIMEZONE = "UTC"
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "trading.tasks.run_bot": {"queue": "cycles"},
    "trading.tasks.submit_order": {"queue": "orders"},
    "trading.tasks.sweep_orders": {"queue": "orders"},
    "trading.tasks.reconcile_account": {"queue": "orders"},
    "trading.tasks.run_simulation": {"queue": "simulations"},
    "trading.tasks.run_search": {"queue": "simulations"},
    "trading.tasks.measure_drifts": {"queue": "simulations"},
    "trading.tasks.prune_artifacts": {"queue": "simulations"},
    "approvals.tasks.advise": {"queue": "advice"},
    "approvals.tasks.expire_approvals": {"queue": "orders"},
    "approvals.tasks.measure_shadows": {"queue": "advice"},
    "strategies.tasks.run_analyst": {"queue": "advice"},
    "approvals.tasks.notify": {"queue": "notifications"},
    "approvals.tasks.deliver": {"queue": "notifications"},
    "approvals.tasks.beat_outside": {"queue": "notifications"},
    "approvals.tasks.prune_notifications": {"queue": "notifications"},
}
CELERY_BEAT_SCHEDULER = "config.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "trading.tasks.tick", "schedule": 1.0, "options": {"expires": 2}},
    "advise": {"task": "approvals.tasks.advise", "schedule": 2.0, "options": {"expires": 2}},
    "expire-approvals": {
        "task": "approvals.tasks.expire_approvals",
        "schedule": 1.0,
        "options": {"expires": 2},
    },
    "measure-shadows": {
        "task": "approvals.tasks.measure_shadows",
        "schedule": 1800.0,
        "options": {"expires": 1800},
    },
    "measure-outlooks": {
        "task": "approvals.tasks.measure_outlooks",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "offer-demo": {
        "task": "approvals.tasks.offer_demo",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "notify": {"task": "approvals.tasks.notify", "schedule": 2.0, "options": {"expires": 2}},
    "beat-outside": {
        "task": "approvals.tasks.beat_outside",
        "schedule": 60.0,
        "options": {"expires": 50},
    },
    "prune-notifications": {
        "task": "approvals.tasks.prune_notifications",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "measure-drifts": {
        "task": "trading.tasks.measure_drifts",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "prune-artifacts": {
        "task": "trading.tasks.prune_artifacts",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "watch-live": {
        "task": "trading.tasks.watch_live",
        "schedule": 60.0,
        "options": {"expires": 55},
    },
    "tell-failures": {
        "task": "trading.tasks.tell_failures",
        "schedule": 5.0,
        "options": {"expires": 5},
    },
    "prune-confirmations": {
        "task": "trading.tasks.prune_confirmations",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "thin-snapshots": {
        "task": "trading.tasks.thin_snapshots",
        "schedule": 600.0,
        "options": {"expires": 600},
    },
}

LOGGING_CONFIG = None
telemetry.configure_logging(level=ENV.log_level, fmt=ENV.log_format)
