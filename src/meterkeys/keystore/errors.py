"""What the keystore refuses."""

from django.utils.translation import gettext_lazy as _

from meterkeys.core.errors import DomainError


class SealedError(DomainError):
    """The root key cannot be used: the catalogue works, keys do not, until the operator has mended it."""

    def __init__(self) -> None:
        super().__init__(
            "keystore_sealed",
            _("The keys cannot be opened at the moment. Please tell the operator of this installation."),
        )


class DamagedKeyError(DomainError):
    """A stored key does not open: it was changed, moved, or sealed for somebody else."""

    def __init__(self) -> None:
        super().__init__(
            "key_damaged",
            _("This key is damaged in the database and was not given out. Please tell the operator."),
        )


class NothingToReleaseError(DomainError):
    """No key of what was asked for may leave: nothing there, or nothing claimed."""

    def __init__(self) -> None:
        super().__init__(
            "nothing_to_release",
            _("There is no key to download. Claim the devices first, then download their keys."),
        )
