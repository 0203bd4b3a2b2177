"""Uploads that stay in memory: a key file must never lie on a disk in the clear."""

from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler, StopUpload
from django.http import HttpRequest


class BoundedMemoryUploadHandler(MemoryFileUploadHandler):
    """Keep an upload in memory; one that is too large is not read at all, and the request is marked."""

    def handle_raw_input(self, *arguments: Any, **_options: Any) -> None:
        _input_data, _meta, content_length, *_rest = arguments
        self.activated = content_length <= settings.FILE_UPLOAD_MAX_MEMORY_SIZE

    def new_file(self, *arguments: Any, **options: Any) -> None:
        if not self.activated:
            mark_upload_too_large(self.request)
            raise StopUpload(connection_reset=False)
        super().new_file(*arguments, **options)


def mark_upload_too_large(request: HttpRequest | None) -> None:
    if request is not None:
        request.META["meterkeys.upload_too_large"] = True


def is_upload_too_large(request: HttpRequest) -> bool:
    """Tell whether a file of this request was left unread because it passes the limit."""
    return bool(request.META.get("meterkeys.upload_too_large"))
