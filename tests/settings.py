"""The product's settings, in a data folder of the tests' own and on the database that they are run on."""

import os
import tempfile
from pathlib import Path

TEST_HOME = Path(tempfile.mkdtemp(prefix="meterkeys-tests-"))
DATABASE = os.environ.get("METERKEYS_TEST_DATABASE", "sqlite")

# Nothing of a developer's own installation may leak into the tests.
for _name in [
    name for name in os.environ if name.startswith("METERKEYS_") and name != "METERKEYS_TEST_DATABASE"
]:
    del os.environ[_name]
os.environ["METERKEYS_HOME"] = str(TEST_HOME)
if DATABASE != "sqlite":
    os.environ["METERKEYS_DATABASE_URL"] = DATABASE

from meterkeys.config.settings import *  # noqa: E402, F403 — only now may the settings be read
from meterkeys.config.settings import DATABASES, PASSWORD_HASHERS, STORAGES  # noqa: E402

if DATABASE == "sqlite":
    # A file, not memory: write-ahead log, lock time-out and IMMEDIATE are part of what is tested.
    DATABASES["default"]["TEST"] = {"NAME": str(TEST_HOME / "test.sqlite3")}
# Argon2 takes its time on purpose. Who is asked for it in a test of the product's own commands gets it.
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2PasswordHasher", *PASSWORD_HASHERS[1:]]
# Names with a hash need a collected folder, which the tests do without.
STORAGES["staticfiles"]["BACKEND"] = "django.contrib.staticfiles.storage.StaticFilesStorage"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
