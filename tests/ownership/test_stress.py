"""Ownership from many processes at once, beside all other tests; what is checked in the end: `bench/stress/model.py`."""

import json

from tests.ownership.conftest import Stress

MOVES = {"deliver", "claim", "take", "offer", "recall"}


def test_whatever_many_people_do_at_once_nobody_sees_a_deadlock_and_every_device_has_one_owner(
    stress: Stress,
) -> None:
    code, output, log = stress.wait()
    assert code == 0, output + log
    done = {
        outcome.partition(":")[0] for outcome in json.loads(output)["outcomes"] if outcome.endswith(": done")
    }
    assert done >= MOVES
