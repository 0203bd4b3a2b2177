"""The rule for passwords: 12 characters of four classes, or a passphrase of 20."""

import string

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.accounts.models import User
from meterkeys.accounts.passwords import PasswordRuleValidator, is_strong_enough

UPPER, LOWER, DIGIT, SPECIAL = (
    string.ascii_uppercase + "ÄÉ",
    string.ascii_lowercase + "äßé",
    string.digits,
    "!-_ €.\"'",
)
CLASSES = (UPPER, LOWER, DIGIT, SPECIAL)
one_of_each = st.tuples(*(st.sampled_from(characters) for characters in CLASSES)).map("".join)


def mix(draw: st.DrawFn, needed: str, length: int, alphabet: str) -> str:
    filling = draw(st.text(alphabet, min_size=length - len(needed), max_size=length - len(needed)))
    return "".join(draw(st.permutations(needed + filling)))


@st.composite
def complete(draw: st.DrawFn, lengths: st.SearchStrategy[int]) -> str:
    """Draw a password with characters of all four classes."""
    return mix(draw, draw(one_of_each), draw(lengths), "".join(CLASSES))


@st.composite
def incomplete(draw: st.DrawFn, lengths: st.SearchStrategy[int]) -> str:
    """Draw a password in which one of the four classes is missing."""
    missing = draw(st.sampled_from(CLASSES))
    return mix(
        draw, "", draw(lengths), "".join(characters for characters in CLASSES if characters != missing)
    )


@given(complete(st.integers(12, 40)))
def test_twelve_characters_of_four_classes_are_enough(password: str) -> None:
    assert is_strong_enough(password)


@given(complete(st.integers(4, 11)))
def test_eleven_characters_are_too_few_whatever_they_are(password: str) -> None:
    assert not is_strong_enough(password)


@given(incomplete(st.integers(0, 19)))
def test_below_twenty_characters_no_class_may_be_missing(password: str) -> None:
    assert not is_strong_enough(password)


@given(st.text(min_size=20))
def test_twenty_characters_of_any_kind_are_enough(password: str) -> None:
    assert is_strong_enough(password)


@given(complete(st.integers(12, 40)) | st.text(min_size=20), st.text(max_size=10))
def test_a_longer_password_is_never_weaker(password: str, more: str) -> None:
    assert is_strong_enough(password + more)


@given(st.text(max_size=60))
def test_the_validator_says_what_the_rule_says(password: str) -> None:
    validator = PasswordRuleValidator()
    if is_strong_enough(password):
        validator.validate(password)
    else:
        with pytest.raises(ValidationError) as refused:
            validator.validate(password)
        assert refused.value.messages == [validator.get_help_text()]
        assert refused.value.error_list[0].code == "password_rule"


@pytest.mark.parametrize(
    "password", ["Stadtwerk-Müller1", "anna.weber@stadtwerk.example"], ids=["near the name", "the address"]
)
def test_a_password_made_of_the_own_name_or_address_is_refused(password: str) -> None:
    user = User(name="Stadtwerk Müller 1", email="anna.weber@stadtwerk.example")
    with pytest.raises(ValidationError, match="too similar"):
        validate_password(password, user)


def test_a_common_password_is_refused() -> None:
    with pytest.raises(ValidationError, match="too common"):
        validate_password("password1234")
