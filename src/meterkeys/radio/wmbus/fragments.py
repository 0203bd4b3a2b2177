"""Messages in several frames (EN 13757-7:2018, 6.3; OMS Vol. 2, 6.2): the fragments are put together as they come.

Who sends counts its fragments from 1, each in a frame of its own, and ends one message before it begins the next.
Fragments inside an encrypted extended link layer are not put together: its checksum proves the key of each frame.
No public telegram is a fragment: all this is taken from the standard's rules.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from meterkeys.radio.reasons import RadioError
from meterkeys.radio.spellings import Telegram
from meterkeys.radio.wmbus.authentication import Authentication, Begun, read_authentication
from meterkeys.radio.wmbus.frames import Frame, read_frames
from meterkeys.radio.wmbus.layers import Layers, reach_authentication, read_link

MAX_MESSAGE = 16 * 1024
"""Bytes of one message; a bound of ours, below what the length field of 16 bits could tell."""
MAX_OPEN = 1000
"""Senders with an open message: the one that began first is given up for the next."""


@dataclass(slots=True)
class FragmentMemory:
    """The open messages of one capture. Let it hear every telegram once, in order of time.

    It knows what was sent on air, no key. A message is given up when a fragment is missing, differs from what was
    heard under its number, or makes the message too long.
    """

    _open: dict[bytes, list[Authentication]] = field(default_factory=dict, repr=False)

    def hear(self, telegram: Telegram) -> Telegram:
        """Return the telegram; if it is a message's last fragment, with what the fragments before it carried.

        It is heard in its most probable reading: in another one, checksums would be taken for content.
        """
        frame = next(iter(read_frames(telegram.data)), None)
        begun = self._hear_frame(frame) if frame and not frame.is_doubtful else None
        return replace(telegram, begun=begun) if begun else telegram

    def _hear_frame(self, frame: Frame) -> Begun | None:
        """Hear a frame of any kind; one that is damaged or no fragment changes nothing."""
        with suppress(RadioError):
            layers = read_link(frame.data)
            if reach_authentication(layers):
                return self._hear_authentication(_name_sender(layers), layers.content)
        return None

    def _hear_authentication(self, sender: bytes, content: bytes) -> Begun | None:
        heard = self._open.get(sender, [])
        fragment, _message = read_authentication(content, heard[0].mac_type if heard else 0)
        if not fragment.is_fragment or _is_repeated(heard, fragment):
            return None
        if fragment.number == 1:
            self._begin(sender, fragment)
        elif not _is_next(heard, fragment):
            self._open.pop(sender, None)
        elif fragment.has_more:
            heard.append(fragment)
        else:
            return _join(self._open.pop(sender))
        return None

    def _begin(self, sender: bytes, first: Authentication) -> None:
        self._open.pop(sender, None)
        if len(self._open) >= MAX_OPEN:
            del self._open[next(iter(self._open))]
        self._open[sender] = [first]


def _name_sender(layers: Layers) -> bytes:
    """Return the sender's address and, where the frame has one, the receiver's: a gateway writes to several meters."""
    receiver = layers.extended_link.receiver if layers.extended_link else None
    return layers.link.wire + (receiver.wire if receiver else b"")


def _is_repeated(heard: list[Authentication], fragment: Authentication) -> bool:
    return 0 < fragment.number <= len(heard) and heard[fragment.number - 1] == fragment


def _is_next(heard: list[Authentication], fragment: Authentication) -> bool:
    length = sum(len(known.message) for known in [*heard, fragment])
    return bool(heard) and fragment.number == len(heard) + 1 and length <= MAX_MESSAGE


def _join(heard: list[Authentication]) -> Begun:
    return Begun(heard[0], b"".join(fragment.message for fragment in heard))
