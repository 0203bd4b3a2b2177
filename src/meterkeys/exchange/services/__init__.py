"""Many devices at once: a key file in, a key file out."""

from meterkeys.exchange.services.exports import export_keys
from meterkeys.exchange.services.imports import (
    FileProblem,
    ImportRefusedError,
    ImportResult,
    import_devices,
)

__all__ = ["FileProblem", "ImportRefusedError", "ImportResult", "export_keys", "import_devices"]
