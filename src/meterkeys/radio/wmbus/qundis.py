"""Recognise what Qundis meters send for walk-by reading under a CI that has no header, encrypted all the same.

Nothing in the frame says that it is encrypted (facts: wmbusmeters, thread 1916): behind CI 78, which promises data
records, stand bytes that are none. A frame whose records are sound is an ordinary one in the clear.
"""

from meterkeys.radio.records import count_records
from meterkeys.radio.wmbus.layers import Layers

MAKER = "QDS"
NO_HEADER = 0x78


def name_qundis_cipher(layers: Layers) -> str:
    """Return the name of the cipher, or "" if this is an ordinary frame; all layers have been read."""
    transport = layers.transport
    if transport is None or transport.ci != NO_HEADER or layers.link.manufacturer != MAKER:
        return ""
    is_sound = layers.is_hidden or count_records(layers.content)[1]
    return "" if is_sound else "qundis-walk-by"
