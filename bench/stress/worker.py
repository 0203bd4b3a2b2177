"""One process that moves devices until its time is over; prints how often each move came to what."""

import json
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied

from bench.stress.cast import find_people
from bench.stress.moves import MOVES, NothingThereError
from meterkeys.core import conflicts
from meterkeys.core.errors import DomainError
from meterkeys.organisations.access import Access

NOTHING = "nothing there"


class CountRetries(logging.Handler):
    """Counts the transactions that the database broke off: people see nothing of them."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def emit(self, _record: logging.LogRecord) -> None:
        self.count += 1


def main() -> None:
    seconds, pause, seed = float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    random.seed(seed)
    retries = CountRetries()
    conflicts.logger.addHandler(retries)
    outcomes = work(time.monotonic() + seconds, pause)
    outcomes["broken off and tried again"] = retries.count
    print(json.dumps(outcomes))


def work(deadline: float, pause: float) -> Counter[str]:
    people, outcomes = find_people(), Counter[str]()
    while time.monotonic() < deadline:
        move = random.choices(list(MOVES), weights=list(MOVES.values()))[0]
        outcomes[f"{move.__name__}: {attempt_by_somebody(move, people)}"] += 1
        time.sleep(random.uniform(0, pause))
    return outcomes


def attempt_by_somebody(move: Callable[[Access], None], people: list[Access]) -> str:
    """Let those try, in any order, until one finds something to try it on."""
    outcomes = (attempt(move, person) for person in random.sample(people, len(people)))
    return next((outcome for outcome in outcomes if outcome != NOTHING), NOTHING)


def attempt(move: Callable[[Access], None], access: Access) -> str:
    """Try the move and return what a person would have been told."""
    try:
        move(access)
    except NothingThereError:
        return NOTHING
    except DomainError as refused:
        return refused.code
    except (PermissionDenied, ObjectDoesNotExist):
        return "not theirs"
    except Exception as error:  # noqa: BLE001 — whatever else a person sees is what is looked for
        return f"error {type(error).__name__} {error}"[:200]
    return "done"


if __name__ == "__main__":
    main()
