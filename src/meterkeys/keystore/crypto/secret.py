"""Keeping key material out of everything that prints, copies or stores objects.

Python cannot wipe memory, so these classes do not try; they keep a key from leaving by accident: in a log,
an error page, a cache, a session, a job argument or a serialised answer.
"""

import hmac
from typing import NoReturn, SupportsIndex, final


class KeyHolder:
    """Base of objects that hold key material: prints none of it, and is neither copied nor pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: SupportsIndex, /) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds key material and is neither copied nor pickled.")


@final
class SecretBytes(KeyHolder):
    """One key in plaintext, for the paths that handle single keys.

    `expose()` is the only way to the bytes. Comparison takes the same time wherever the keys differ, and
    only another `SecretBytes` can be equal. Not hashable: a secret is no key of a dictionary.
    """

    __slots__ = ("__value",)

    def __init__(self, value: bytes | bytearray) -> None:
        # Through memoryview, since bytes(16) would make sixteen zero bytes of a number.
        self.__value = bytes(memoryview(value))

    def expose(self) -> bytes:
        """Return the key itself. Call it where the key leaves through a permitted door, and nowhere else."""
        return self.__value

    def __len__(self) -> int:
        return len(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretBytes):
            return NotImplemented
        return hmac.compare_digest(self.__value, other.__value)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"SecretBytes({len(self)} bytes)"
