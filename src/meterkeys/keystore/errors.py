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


class NothingToReleaseError(DomainError):
    """No key of what was asked for may leave: nothing there, or nothing claimed."""

    def __init__(self) -> None:
        super().__init__(
            "nothing_to_release",
            _("There is no key to download. Claim the devices first, then download their keys."),
        )
