from pathlib import Path

import pytest

from meterkeys.keystore.root_key import RootKeyError, create_root_key_file, open_root_key, root_key_path


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:/etc/meterkeys/root.key", "/etc/meterkeys/root.key"),
        ("file:///etc/meterkeys/root.key", "/etc/meterkeys/root.key"),
        ("file://localhost/etc/root.key", "/etc/root.key"),
        ("FILE:/etc/root.key", "/etc/root.key"),
        ("file:var/root.key", "var/root.key"),
        ("file:./root.key", "root.key"),
        ("file:/srv/my%20keys/100%25.key", "/srv/my keys/100%.key"),
        ("file:/srv/cl%C3%A9.key", "/srv/clé.key"),
        ("file:/srv/what%3F%23.key", "/srv/what?#.key"),
        ("file:/srv/a:b.key", "/srv/a:b.key"),
    ],
)
def test_a_file_uri_names_a_path(uri: str, path: str) -> None:
    assert root_key_path(uri) == Path(path)


def test_a_file_uri_opens_the_key(tmp_path: Path) -> None:
    identifier = create_root_key_file(tmp_path / "my root.key")

    assert open_root_key(f"file:{tmp_path}/my%20root.key").key_id == identifier


def test_a_relative_uri_is_read_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identifier = create_root_key_file(tmp_path / "root.key")
    monkeypatch.chdir(tmp_path)

    assert open_root_key("file:root.key").key_id == identifier


@pytest.mark.parametrize(
    ("uri", "scheme"),
    [
        ("pkcs11:token=meterkeys;object=root?pin-value=4711", "pkcs11:"),
        ("vault-transit://vault.example/transit/keys/root", "vault-transit:"),
        ("PKCS11:token=meterkeys", "pkcs11:"),
    ],
)
def test_a_scheme_that_this_version_lacks_is_named_with_the_one_it_offers(uri: str, scheme: str) -> None:
    with pytest.raises(RootKeyError, match=f"{scheme} are not offered.*set METERKEYS_ROOT_KEY to file:/path"):
        open_root_key(uri)


@pytest.mark.parametrize(
    "uri", ["", "/etc/meterkeys/root.key", "root.key", "https://example.org/key", ":", "files:/a"]
)
def test_what_is_no_file_uri_says_how_to_write_one(uri: str) -> None:
    with pytest.raises(RootKeyError, match=r"not a file: URI.*file:/path"):
        open_root_key(uri)


@pytest.mark.parametrize(
    "uri", ["file://var/lib/root.key", "file://server.example/root.key", "file://root.key"]
)
def test_a_file_on_another_computer_is_refused(uri: str) -> None:
    with pytest.raises(RootKeyError, match="two slashes"):
        open_root_key(uri)


@pytest.mark.parametrize("uri", ["file:", "file://", "file://localhost", "file:/a?b", "file:/a#b"])
def test_a_uri_that_names_no_file_is_refused(uri: str) -> None:
    with pytest.raises(RootKeyError, match="names no file"):
        open_root_key(uri)


def test_a_zero_byte_in_the_path_is_refused() -> None:
    with pytest.raises(RootKeyError, match="zero byte"):
        open_root_key("file:/etc/root%00.key")


@pytest.mark.parametrize(
    "uri",
    [
        "pkcs11:object=root?pin-value=4711",
        "c2VjcmV0LXJvb3Qta2V5",
        "c2VjcmV0:LXJvb3Qta2V5",
        "file://c2VjcmV0/a",
    ],
)
def test_a_refused_setting_is_not_repeated(uri: str) -> None:
    with pytest.raises(RootKeyError) as caught:
        open_root_key(uri)

    assert "4711" not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
