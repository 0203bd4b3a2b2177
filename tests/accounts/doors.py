"""What the tests of accounts do at the doors: log in, ask for letters, follow their links."""

import re
from typing import TYPE_CHECKING

from django.test import Client

from meterkeys.mail.models import OutgoingLetter
from tests.pages import read_page
from tests.world import PASSWORD

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

NAME = "stadtwerk_user"
ADDRESS = "stadtwerk.user@stadtwerk.example"
NEW_PASSWORD = "a passphrase of many words"


def log_in(
    client: Client, address: str = ADDRESS, password: str = PASSWORD, *, network: str = "192.0.2.1"
) -> "Response":
    return client.post("/login/", {"login": address, "password": password}, REMOTE_ADDR=network)


def is_logged_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def make_known_browser(address: str = ADDRESS) -> Client:
    """Return a browser in which the account logged in and out before."""
    client = Client()
    log_in(client, address)
    assert is_logged_in(client)
    client.post("/logout/")
    return client


def change_password(client: Client, old: str = PASSWORD, new: str = NEW_PASSWORD) -> "Response":
    data = {"oldpassword": old, "password1": new, "password2": new}
    return client.post("/password/change/", data, follow=True)


def list_letters(kind: str, address: str = ADDRESS) -> list[OutgoingLetter]:
    return list(OutgoingLetter.objects.filter(kind=kind, to_address=address).order_by("pk"))


def find_path(text: str) -> str:
    """Return the path of the first link in a letter's text."""
    found = re.search(r"https?://[^/\s]+(/\S*)", text)
    assert found, text
    return found[1].rstrip(">).")


def set_password_by_link(client: Client, path: str, password: str = NEW_PASSWORD) -> str:
    """Follow a link that sets a password to the end, and return the last page."""
    form = client.get(path, follow=True)
    place = form.redirect_chain[-1][0] if form.redirect_chain else path
    return read_page(client.post(place, {"password1": password, "password2": password}, follow=True))
