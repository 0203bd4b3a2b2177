"""What notices say."""

from typing import Any

import pytest

from meterkeys.notices.models import Notice, NoticeKind
from meterkeys.notices.texts import ANSWERS, OFFER_ANSWERS, SENTENCES, describe_notice
from meterkeys.ownership.models import RequestState

VALUES: dict[str, Any] = {
    "issuer": "Acme",
    "reference": "acme_1",
    "count": 2,
    "requester": "Stadtwerk",
    "serial_number": "7001",
    "reason": "100 % wrong",
    "name": "Anna",
    "partner": "Feldservice",
    "sender": "Netz",
    "receiver": "Netz",
    "owner": "Netz",
    "organisation": "Netz",
    "answer": "confirmed",
}


def describe(kind: str, **values: Any) -> str:
    return describe_notice(Notice(kind=kind, values=values))


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_has_a_sentence_that_its_values_fill(kind: NoticeKind) -> None:
    sentence = describe(kind, **VALUES)
    assert sentence != str(kind.label)
    assert "%" not in sentence


def test_every_answer_to_a_request_has_a_sentence() -> None:
    assert set(ANSWERS) == set(RequestState.values) - {RequestState.OPEN, RequestState.WITHDRAWN}
    assert set(OFFER_ANSWERS) == set(ANSWERS)
    sentences = {describe("ownership_answer", **VALUES | {"answer": answer}) for answer in ANSWERS}
    assert len(sentences) == len(ANSWERS)


@pytest.mark.parametrize(("count", "said"), [(1, "1 product "), (2, "2 products "), (1500, "1500 products ")])
def test_counts_have_their_plural(count: int, said: str) -> None:
    assert said in describe("new_batch", **VALUES | {"count": count})


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("new_batch", {}),
        ("new_batch", {"issuer": "Acme", "reference": "acme_1", "count": "many"}),
        ("ownership_answer", {}),
        ("ownership_answer", {"answer": "unheard of"}),
        ("partner_added", {"other": "Acme"}),
    ],
)
def test_a_notice_without_its_values_says_what_kind_it_is(kind: str, values: dict[str, Any]) -> None:
    assert describe(kind, **values) == str(NoticeKind(kind).label)


def test_a_kind_of_a_former_version_does_not_break_the_list() -> None:
    assert describe("long_gone", count=1) == "long_gone"


def test_a_value_is_text_and_no_sentence() -> None:
    assert describe("partner_added", partner="%(secret)s %d") == "%(secret)s %d is now a partner of yours."


def test_no_sentence_is_without_a_kind() -> None:
    assert set(SENTENCES) == set(NoticeKind) - {NoticeKind.OWNERSHIP_ANSWER, NoticeKind.TRANSFER_ANSWERED}
