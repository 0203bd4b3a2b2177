"""What a filter bar writes beside its options."""

import pytest
from django.utils.translation import override

from meterkeys.core.facets import COUNT_LIMIT, Option

TEXTS = {("en", 7): "7", ("en", COUNT_LIMIT): "1,000", ("en", COUNT_LIMIT + 1): "1,000+"}
FRENCH = {("fr", COUNT_LIMIT): "1\N{NO-BREAK SPACE}000", ("fr", COUNT_LIMIT + 1): "1\N{NO-BREAK SPACE}000+"}


@pytest.mark.parametrize(
    ("language", "count", "text"), [(*key, text) for key, text in (TEXTS | FRENCH).items()]
)
def test_a_count_is_written_in_the_manner_of_the_language(language: str, count: int, text: str) -> None:
    with override(language):
        assert Option("a", "A", is_chosen=False, count=count).count_text == text


def test_a_count_beyond_the_limit_is_read_out_as_more() -> None:
    titles = [Option("a", "A", is_chosen=False, count=count).count_title for count in (12, COUNT_LIMIT + 1)]
    assert titles == ["Matches: 12", "Matches: more than 1,000"]
