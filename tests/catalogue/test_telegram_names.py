from meterkeys.catalogue.templatetags.telegrams import NAMES, telegram_name
from meterkeys.radio.records import FUNCTIONS


def test_counters_and_kinds_of_values_have_names() -> None:
    assert telegram_name("message_counter") == "Message counter"
    assert set(FUNCTIONS) <= NAMES.keys()
    assert telegram_name("later_counter") == "later_counter"
