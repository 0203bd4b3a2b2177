"""The layers between a frame's link layer and its content.

Order:  link | [network] | [extended link] | [authentication and fragmentation] | transport | content
Every layer begins with its CI. An encrypted extended link layer hides what follows until it is opened.
"""

from dataclasses import dataclass, field

from meterkeys.radio.reasons import (
    AUTHENTICATION_LAYER,
    EXTENDED_LINK_LAYER,
    DamagedError,
    UnsupportedError,
)
from meterkeys.radio.wmbus.address import Address
from meterkeys.radio.wmbus.authentication import (
    AFL_CI,
    Authentication,
    Begun,
    read_authentication,
    refuse_fragment,
)
from meterkeys.radio.wmbus.extended_link import ELL_LENGTHS, ELL_VARIABLE, ExtendedLink, read_extended_link
from meterkeys.radio.wmbus.frames import LINK_LENGTH
from meterkeys.radio.wmbus.transport import Transport, read_transport


@dataclass(slots=True)
class Layers:
    """What is known of a frame. ``content``: the bytes after the innermost layer that could be read.

    ``is_hidden``: the extended link layer encrypts all that follows.
    """

    control: int
    link: Address
    extended_link: ExtendedLink | None = None
    authentication: Authentication | None = None
    transport: Transport | None = None
    content: bytes = b""
    is_hidden: bool = False
    names: list[str] = field(default_factory=list)

    @property
    def meter(self) -> Address:
        """Return the address that keys and initialisation vectors belong to (EN 13757-7, 7.3 and annex A).

        The transport layer's, if it has one; else the link layer's sender. In a message to the meter the sender is
        somebody else, and the extended link layer names the meter as receiver.
        """
        if self.transport and self.transport.address:
            return self.transport.address
        if (
            self.transport
            and self.transport.is_to_meter
            and self.extended_link
            and self.extended_link.receiver
        ):
            return self.extended_link.receiver
        return self.link

    @property
    def message_counter(self) -> bytes | None:
        """Return the message counter as sent, little-endian: the transport layer's, else the authentication's."""
        if self.transport and self.transport.counter is not None:
            return self.transport.counter
        return self.authentication.counter if self.authentication else None


def read_link(data: bytes) -> Layers:
    """Read  L C M(2) A(6)  (EN 13757-4, 11.5) of a frame without checksums; the rest becomes the content."""
    if len(data) < LINK_LENGTH:
        raise DamagedError("too_short", length=len(data))
    return Layers(control=data[1], link=Address(data[2:10]), content=data[LINK_LENGTH:])


def read_upper_layers(layers: Layers, begun: Begun | None = None) -> None:
    """Read the layers that the content begins with, into ``layers``.

    ``begun``: the message that the frame is the last fragment of; its content is then the whole message's.

    Raises `DamagedError` or `UnsupportedError`; what was read until then stays.
    """
    while layers.content and not layers.transport and not layers.is_hidden:
        _read_layer(layers, layers.content[0], begun)


def _read_layer(layers: Layers, ci: int, begun: Begun | None) -> None:
    if ci in ELL_LENGTHS:
        _refuse_second(layers.extended_link, EXTENDED_LINK_LAYER)
        layers.extended_link, layers.content = read_extended_link(layers.content)
        layers.is_hidden = bool(layers.extended_link.encryption)
        layers.names.append(f"ELL-{ci:02X}")
    elif ci == AFL_CI:
        _refuse_second(layers.authentication, AUTHENTICATION_LAYER)
        mac_type = begun.first.mac_type if begun else 0
        layers.authentication, layers.content = read_authentication(layers.content, mac_type)
        layers.names.append("AFL")
        if layers.authentication.is_fragment:
            _join_fragments(layers, layers.authentication, begun)
    elif ci == ELL_VARIABLE:
        raise UnsupportedError("ell_variable", "ELL-86")
    else:
        layers.transport, layers.content = read_transport(layers.content)
        layers.names.append(f"TPL-{ci:02X}")


def _refuse_second(layer: object, name: str) -> None:
    if layer:
        raise DamagedError("layer_twice", layer=name)


def _join_fragments(layers: Layers, fragment: Authentication, begun: Begun | None) -> None:
    if begun is None:
        raise refuse_fragment(fragment.number)
    layers.authentication = begun.end(fragment)
    layers.content = layers.authentication.message


def reach_authentication(layers: Layers) -> bool:
    """Read the extended link layer, if there is one; tell whether the authentication layer follows, in the clear.

    Raises `DamagedError` and `UnsupportedError`.
    """
    if layers.content and layers.content[0] in ELL_LENGTHS:
        layers.extended_link, layers.content = read_extended_link(layers.content)
    is_hidden = bool(layers.extended_link and layers.extended_link.encryption)
    return not is_hidden and layers.content[:1] == bytes([AFL_CI])


def open_hidden_layers(layers: Layers, plain: bytes) -> Layers:
    """Return the layers with what the opened extended link layer held; what cannot be read there stays content."""
    opened = Layers(layers.control, layers.link, content=plain, names=list(layers.names))
    try:
        read_upper_layers(opened)
    except (DamagedError, UnsupportedError):
        opened.content = b""
    opened.extended_link, opened.is_hidden = layers.extended_link, layers.is_hidden
    return opened
