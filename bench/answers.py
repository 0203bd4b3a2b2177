"""`python -m bench.answers`: does the time of an answer tell whether an address has an account?

Each question is asked 200 times for a known and 200 times for an unknown address, in turn, in this process, with the
real password hash and a scratch SQLite database. It fails where Welch's t says that the two kinds of answers take
different times (|t| >= 4.5), or where their words differ.

The limits on tries would answer instead after some of them. They are switched off by the product's own setting,
ACCOUNT_RATE_LIMITS = False (see `config/settings.py`), for this process only.
"""

import gc
import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpResponseBase
    from django.test import Client

    from bench.questions import Question, Stage

TRIES = 200
WARM_UPS = 10
LARGEST_T = 4.5

Answer = tuple[int, str]
Timed = tuple[float, Answer]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="meterkeys-answers-") as home:
        set_up(home)
        # Only now are the settings read that the models need.
        from bench.questions import QUESTIONS, Stage  # noqa: PLC0415

        stage = Stage()
        telling = [question.name for question in QUESTIONS if not is_silent(question, stage)]
    if telling:
        sys.exit(f"The answer tells whether there is an account: {', '.join(telling)}")


def set_up(home: str) -> None:
    """Bring the product up in a scratch folder, without limits on tries."""
    for name in [name for name in os.environ if name.startswith("METERKEYS_")]:
        del os.environ[name]
    os.environ.update(METERKEYS_HOME=home, DJANGO_SETTINGS_MODULE="meterkeys.config.settings")
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    django.setup()
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.ACCOUNT_RATE_LIMITS = False
    call_command("migrate", verbosity=0)


def is_silent(question: "Question", stage: "Stage") -> bool:
    """Ask about known and unknown addresses in turn, print what was measured, and tell whether both look alike."""
    known, unknown = ask_all(question, stage)
    differing = sum(one[1] != other[1] for one, other in zip(known, unknown, strict=True))
    t = compute_welch_t([seconds for seconds, _ in known], [seconds for seconds, _ in unknown])
    medians = (statistics.median(seconds for seconds, _ in kind) * 1000 for kind in (known, unknown))
    print(
        f"{question.name:16} known {next(medians):7.2f} ms, unknown {next(medians):7.2f} ms "
        f"(medians of {len(known)}), Welch's t {t:+.2f}, {differing} answers differ",
        flush=True,
    )
    return abs(t) < LARGEST_T and not differing


def ask_all(question: "Question", stage: "Stage") -> tuple[list[Timed], list[Timed]]:
    """Return the answers for known and for unknown addresses; every other pair begins with the unknown one."""
    from bench.questions import list_addresses  # noqa: PLC0415

    name, count = question.name.replace(" ", "-"), TRIES + WARM_UPS
    known, unknown = stage.bring_known(f"known.{name}", count), list_addresses(f"never.{name}", count)
    answers: tuple[list[Timed], list[Timed]] = ([], [])
    gc.collect()
    gc.disable()
    for number, pair in enumerate(zip(known, unknown, strict=True)):
        for kind in (0, 1) if number % 2 else (1, 0):
            answers[kind].append(ask(question, stage, pair[kind]))
    gc.enable()
    return answers[0][WARM_UPS:], answers[1][WARM_UPS:]


def ask(question: "Question", stage: "Stage", address: str) -> Timed:
    client = choose_browser(question, stage, address)
    start = time.perf_counter()
    response = question.ask(client, stage, address)
    seconds = time.perf_counter() - start
    return seconds, read_answer(response, address)


def choose_browser(question: "Question", stage: "Stage", address: str) -> "Client":
    if question.prepare:
        return question.prepare(stage, address)
    return stage.administrator if question.is_administrator else open_browser()


def open_browser() -> "Client":
    from django.test import Client  # noqa: PLC0415

    return Client()


def read_answer(response: "HttpResponseBase", address: str) -> Answer:
    """Return status and words of the answer, without the address, and without tokens and ids that are new each time."""
    page = bytes(getattr(response, "content", b"")).decode()
    words = f"{response.headers.get('Location')} {page}"
    return response.status_code, re.sub(r"[A-Za-z0-9]{64}|[0-9a-f-]{36}", "", words).replace(address, "")


def compute_welch_t(one: Sequence[float], other: Sequence[float]) -> float:
    """Return Welch's t: how many standard errors the means are apart, positive where `one` is larger."""
    variance = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.mean(one) - statistics.mean(other)) / sqrt(variance)


if __name__ == "__main__":
    main()
