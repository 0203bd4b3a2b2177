import stat

import pytest

from tests.setup.conftest import Installation

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_installation_gets_tables_and_a_root_key_and_keeps_it_when_it_migrates_again(
    empty_installation: Installation, free_port: int
) -> None:
    result = empty_installation.run("migrate")
    assert result.returncode == 0, result.stderr
    assert "Made the root key" in result.stdout
    root_key = empty_installation.home / "root.key"
    assert stat.S_IMODE(root_key.stat().st_mode) == 0o400
    made = root_key.read_bytes()
    again = empty_installation.run("migrate")
    assert again.returncode == 0, again.stderr
    assert "root key" not in again.stdout
    assert root_key.read_bytes() == made
    with empty_installation.start("serve", "--port", str(free_port)) as server:
        server.wait_for("is served at")


def test_a_root_key_that_stored_keys_need_is_not_replaced(empty_installation: Installation) -> None:
    empty_installation.run("migrate")
    use = "from meterkeys.keystore import keyring; keyring.ownership_code_key()"
    assert empty_installation.run("shell", "-c", use).returncode == 0
    (empty_installation.home / "root.key").rename(empty_installation.home / "elsewhere.key")
    for command in ("migrate", "create-root-key"):
        result = empty_installation.run(command)
        assert result.returncode == 1, command
        assert "Put that file back from its backup" in result.stderr
    assert not (empty_installation.home / "root.key").exists()


def test_a_root_key_can_be_made_before_the_tables(empty_installation: Installation) -> None:
    result = empty_installation.run("create-root-key")
    assert result.returncode == 0, result.stderr
    assert (empty_installation.home / "root.key").exists()
    assert "never overwritten" in empty_installation.run("create-root-key").stderr


def test_planning_makes_nothing(empty_installation: Installation) -> None:
    assert empty_installation.run("migrate", "--plan").returncode == 0
    assert not (empty_installation.home / "root.key").exists()


def test_a_wrong_setting_is_told_in_one_sentence(empty_installation: Installation) -> None:
    result = empty_installation.run("migrate", METERKEYS_TRUSTED_PROXIES="proxy.example")
    assert result.returncode == 1
    assert result.stderr.startswith("meterkeys: METERKEYS_TRUSTED_PROXIES takes IP addresses")
    assert "Traceback" not in result.stderr
