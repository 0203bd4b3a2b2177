"""Django's settings. What an operator may change comes from `environment`; the rest is decided here."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF

from meterkeys.config import languages
from meterkeys.config.environment import (
    find_home,
    locate,
    parse_database_url,
    parse_language,
    parse_networks,
    parse_port,
    parse_public_url,
    parse_smtp_url,
    read_secret_key,
    read_variable,
)

PACKAGE = Path(__file__).resolve().parent.parent
HOME = find_home()
SECRET_KEY = read_secret_key(HOME)
DEBUG = False
PORT = parse_port(os.environ.get("PORT", "8000"))
PUBLIC_URL = parse_public_url(read_variable("PUBLIC_URL", f"http://localhost:{PORT}"))
TRUSTED_PROXIES = parse_networks(read_variable("TRUSTED_PROXIES"))
ROOT_KEY = read_variable("ROOT_KEY", locate("file:", HOME / "root.key"))

_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", _public.hostname or "localhost"]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]

INSTALLED_APPS = [
    "meterkeys.config",
    "meterkeys.core",
    "meterkeys.audit",
    "meterkeys.mail",
    "meterkeys.notices",
    "meterkeys.runs",
    "meterkeys.accounts",
    "meterkeys.organisations",
    "meterkeys.devices",
    "meterkeys.keystore",
    "meterkeys.ownership",
    "meterkeys.exchange",
    "meterkeys.catalogue",
    "meterkeys.web",
    # Before Django's own, whose words for "e-mail" would win.
    "allauth",
    "allauth.account",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "csp",
    "django_htmx",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "meterkeys.web.middleware.PrivatePagesMiddleware",
    "csp.middleware.CSPMiddleware",
    "meterkeys.config.middleware.LocalhostNameMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "meterkeys.accounts.middleware.ProfileLanguageMiddleware",
    "meterkeys.accounts.middleware.TemporaryPasswordMiddleware",
    "meterkeys.organisations.middleware.AccessMiddleware",
]

ROOT_URLCONF = "meterkeys.config.urls"
# What proxies say about the client is believed, or not, before Django sees it: `config.proxies`.
WSGI_APPLICATION = "meterkeys.config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "meterkeys.web.context.add_site_chrome",
            ],
        },
    },
]

# Database: SQLite is the embedded default, PostgreSQL is for production.
DATABASES = {
    "default": parse_database_url(
        read_variable("DATABASE_URL", locate("sqlite:///", HOME / "meterkeys.sqlite3"))
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # IMMEDIATE: a transaction that reads and then writes waits for the lock instead of failing with "locked".
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
        "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The limits on failed logins are counted here, so all processes must share it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entry",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# People.
AUTH_USER_MODEL = "accounts.User"
# The address is unique by a constraint that takes upper and lower case as alike, which this check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
AUTHENTICATION_BACKENDS = ["meterkeys.accounts.backends.SilentBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "meterkeys.accounts.passwords.PasswordRuleValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "email")},
    },
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "meterkeys.accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_FORMS = {
    "login": "meterkeys.accounts.forms.LoginForm",
    "add_email": "meterkeys.accounts.forms.ChangeEmailForm",
    "change_password": "meterkeys.accounts.forms.ChangePasswordForm",
    "reset_password_from_key": "meterkeys.accounts.forms.SetPasswordForm",
}
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "meterkeys.accounts.tokens.PasswordLinkTokens"
# The longest that a link to set a password works: three days for a first one (`accounts.tokens` has the shorter term).
PASSWORD_RESET_TIMEOUT = 72 * 3600
# Per address of the network and per account: an office behind one address must still get in. A browser that logged in
# before is counted alone, by no address, so that nobody else can use its tries up. False turns all limits off.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "30/m/ip,5/5m/key",
    "login_failed_known_browser": "5/5m/key",
    "reset_password": "30/h/ip,5/h/key",
}

# Sessions and cookies.
SESSION_COOKIE_NAME = "meterkeys_session"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _public.scheme == "https"
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if _public.scheme == "https" else 0
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# Uploads carry keys: they stay in memory, up to a limit, and never become a temporary file.
FILE_UPLOAD_HANDLERS = ["meterkeys.core.uploads.BoundedMemoryUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = 24 * 1024 * 1024

# Languages.
# Every language by its own name; LANGUAGE_CODE is for browsers that ask for none of them.
LANGUAGES = languages.LANGUAGES
LANGUAGE_CODE = parse_language(read_variable("LANGUAGE", languages.SOURCE_LANGUAGE))
LOCALE_PATHS = [PACKAGE / "locale"]
# Where Django writes dates otherwise than the readers here expect.
FORMAT_MODULE_PATH = ["meterkeys.config.formats"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = read_variable("TIME_ZONE", "Europe/Paris")

# Static files: collected once at set-up, served with names that carry their hash.
STATIC_URL = "/static/"
WHITENOISE_ALLOW_ALL_ORIGINS = False
STATIC_ROOT = PACKAGE / "web" / "collected"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# Letters.
SMTP_URL = read_variable("SMTP_URL")
SMTP_SERVER = parse_smtp_url(SMTP_URL) if SMTP_URL else None
DEFAULT_FROM_EMAIL = read_variable("MAIL_FROM", "meterkeys <noreply@localhost>")
if SMTP_SERVER is not None:
    EMAIL_HOST, EMAIL_PORT = SMTP_SERVER.host, SMTP_SERVER.port
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = SMTP_SERVER.user, SMTP_SERVER.password
    EMAIL_USE_TLS, EMAIL_USE_SSL = SMTP_SERVER.use_tls, SMTP_SERVER.use_ssl
EMAIL_TIMEOUT = 20

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"meterkeys": {"level": "INFO"}, "django": {"handlers": [], "level": "WARNING"}},
}
