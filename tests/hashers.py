"""Passwords are hashed as in the product, but in less time: it is long on purpose there."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2PasswordHasher(Argon2PasswordHasher):
    """Argon2 with the least memory and one pass."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
