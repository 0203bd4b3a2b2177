import pytest
from hypothesis import given
from hypothesis import strategies as st

from meterkeys.keystore.crypto.algorithms import Algorithm, UnknownKeyLengthError, algorithm_for


@pytest.mark.parametrize(
    ("length", "algorithm", "code", "label"),
    [
        (8, Algorithm.DES, 1, "DES"),
        (16, Algorithm.AES_128, 2, "AES-128"),
        (24, Algorithm.AES_192, 3, "AES-192"),
        (32, Algorithm.AES_256, 4, "AES-256"),
    ],
)
def test_the_length_of_a_key_tells_its_algorithm(
    length: int, algorithm: Algorithm, code: int, label: str
) -> None:
    assert algorithm_for(length) is algorithm
    assert algorithm == code
    assert algorithm.label == label
    assert algorithm.length_in_bytes == length


@given(st.integers(min_value=-1, max_value=1000).filter(lambda length: length not in {8, 16, 24, 32}))
def test_another_length_is_refused_with_the_lengths_that_are_right(length: int) -> None:
    with pytest.raises(UnknownKeyLengthError, match="DES has 8 bytes, AES has 16, 24 or 32"):
        algorithm_for(length)
