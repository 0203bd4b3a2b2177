"""Errors that a rule raises and a door turns into an answer."""

from django.utils.functional import Promise


class DomainError(Exception):
    """A rule refuses what was asked.

    `code` is stable and in English, for programs; `message` is a sentence for the person, already lazy in
    their language, that says what to do; `field` names the form field it belongs to, if there is one.
    """

    def __init__(self, code: str, message: str | Promise, *, field: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return str(self.message)
