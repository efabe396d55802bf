"""Settings of a test run: the real ones on private stores, with cheap passwords."""

# ruff: noqa: E402, F403

from __future__ import annotations

import os

from tests.private_stores import prepare_environment

prepare_environment()

from config.settings import *
from config.settings import CHANNEL_LAYERS

# Pub/sub is shared by all databases of a Redis: without a prefix of its own a process
# would hear the messages of another one's tests.
CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = f"test-{os.getpid()}"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
