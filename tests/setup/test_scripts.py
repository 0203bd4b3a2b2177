"""The helpers of the Makefile."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import check_translations, setup
from scripts.debian import install_missing
from scripts.postgresql import find_programs
from scripts.run_tests import combine
from tests.setup.conftest import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent

CATALOGUE = """
msgid ""
msgstr ""
"Language: fr\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"
"""

SOURCE = """
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

_("Claim the device")
_("It costs 50 %% of %(amount)s.")
ngettext("%(count)d key", "%(count)d keys", 2)
"""

COMPLETE = """
msgid "Claim the device"
msgstr "Réclamer le produit"

#, python-format
msgid "It costs 50 %% of %(amount)s."
msgstr "Cela coûte 50 %% de %(amount)s."

#, python-format
msgid "%(count)d key"
msgid_plural "%(count)d keys"
msgstr[0] "%(count)d clé"
msgstr[1] "%(count)d clés"
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    (folder / "module.py").write_text(SOURCE, encoding="utf-8")
    return folder


def check(package: Path, entries: str) -> list[str]:
    catalogue = package / "django.po"
    catalogue.write_text(CATALOGUE + entries, encoding="utf-8")
    template = check_translations.extract_messages(package)
    return list(check_translations.check_catalogue(catalogue, template))


def test_a_complete_catalogue_passes(package: Path) -> None:
    assert check(package, COMPLETE) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ('msgstr "Réclamer le produit"', 'msgstr ""', "missing: 'Claim the device' module.py"),
        (
            'msgstr[1] "%(count)d clés"',
            'msgstr[1] ""',
            "missing: ('%(count)d key', '%(count)d keys') module.py",
        ),
        ('msgid "Claim the device"', '#, fuzzy\nmsgid "Claim the device"', "fuzzy: 'Claim the device'"),
        ('msgid "Claim the device"', 'msgid "Take the device"', "no longer used: 'Take the device'"),
        (
            'msgid "Claim the device"',
            '#~ msgid "Old"\n#~ msgstr "Vieux"\n\nmsgid "Claim the device"',
            "left over: 'Old'",
        ),
        ("de %(amount)s", "de %(somme)s", "argument 'amount'"),
        (
            'msgstr[1] "%(count)d clés"\n',
            "",
            "missing: ('%(count)d key', '%(count)d keys') module.py",
        ),
        ("le produit", "le produit :", "ends differ: 'Claim the device' module.py"),
        ("le produit", "le produit ", "ends differ: 'Claim the device' module.py"),
        (
            '%(amount)s."\nmsgstr "Cela coûte 50 %% de %(amount)s.',
            '%(amount)s."\nmsgstr "Cela coûte 50 %% de %(amount)s',
            "ends differ",
        ),
    ],
)
def test_every_fault_of_a_catalogue_is_named(package: Path, right: str, wrong: str, fault: str) -> None:
    assert right in COMPLETE
    assert fault in "\n".join(check(package, COMPLETE.replace(right, wrong)))


def test_every_language_but_that_of_the_sources_has_a_catalogue_to_check() -> None:
    assert check_translations.LANGUAGES == ("de", "es", "fr", "it", "sv")


def test_a_catalogue_that_is_not_there_is_a_fault(package: Path) -> None:
    template = check_translations.extract_messages(package)
    [fault] = check_translations.check_catalogue(package / "no.po", template)
    assert "no.po is missing" in fault


@pytest.mark.parametrize(
    ("text", "is_anonymous"),
    [
        ("%s keys", True),
        ("%d keys", True),
        ("%.2f", True),
        ("{} keys", True),
        ("%(count)d keys", False),
        ("100 %% sure", False),
        ("100 %", False),
    ],
)
def test_placeholders_without_a_name_are_found(text: str, is_anonymous: bool) -> None:  # noqa: FBT001
    assert bool(check_translations.ANONYMOUS.search(text)) is is_anonymous


def test_a_step_of_the_set_up_runs_again_only_if_something_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "STAMPS", tmp_path / "stamps")
    source, result, runs = tmp_path / "source", tmp_path / "result", []

    def build() -> None:
        runs.append(source.read_text())
        result.write_text("built")

    def run() -> None:
        setup.run_if_changed("build", [source], build, makes=result)

    source.write_text("one")
    run()
    run()
    assert runs == ["one"]
    source.write_text("two")
    run()
    result.unlink()
    run()
    run()
    assert runs == ["one", "two", "two"]


def test_a_step_that_was_broken_off_runs_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "STAMPS", tmp_path / "stamps")
    runs = []

    def break_off() -> None:
        runs.append("broken off")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        setup.run_if_changed("build", [], break_off)
    setup.run_if_changed("build", [], lambda: runs.append("whole"))
    assert runs == ["broken off", "whole"]


def test_a_virtual_environment_from_another_place_is_not_used(tmp_path: Path) -> None:
    pip = tmp_path / "pip"
    assert not setup.is_sound(pip)
    pip.write_text("#!/somewhere/else/.venv/bin/python3\n", encoding="utf-8")
    assert not setup.is_sound(pip)


def test_what_is_missing_is_named_where_it_cannot_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "scripts.debian.SIGN_OF", {"postgresql": "/no/such/initdb", "gettext": sys.executable}
    )
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(SystemExit, match=r"as root: apt-get install postgresql$"):
        install_missing(["postgresql", "gettext"])


@pytest.mark.parametrize(
    ("results", "is_selection", "code"),
    [
        ([0, 0], False, 0),
        ([1, 0], False, 1),
        ([0, 2], False, 2),
        ([0, 5], False, 5),
        ([0, 5], True, 0),
        ([1, 5], True, 1),
        ([5, 5], True, 5),
    ],
)
def test_both_test_runs_must_pass(results: list[int], is_selection: bool, code: int) -> None:  # noqa: FBT001
    assert combine(results, is_selection=is_selection) == code


def start_server(command: str) -> "subprocess.Popen[str]":
    arguments = [sys.executable, "-m", "scripts.postgresql", "SERVER", "sh", "-c", command]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_server_for_one_command_is_there_and_gone_and_passes_the_exit_code_on() -> None:
    ask = f'{find_programs()}/psql --no-psqlrc -Atc "SELECT 6 * 7" "$SERVER"; echo "$SERVER"; exit 3'
    with start_server(ask) as process:
        output, _ = process.communicate(timeout=60)
    answer, url = output.split()
    assert (answer, process.returncode) == ("42", 3)
    assert re.fullmatch(r"postgres://postgres:[0-9a-f]{32}@127\.0\.0\.1:\d+/postgres", url)
    assert not is_answering(url)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_goes_even_if_the_one_that_started_it_is_killed(number: int) -> None:
    with start_server('echo "$SERVER"; exec sleep 60') as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert is_answering(url)
        process.send_signal(number)
        process.wait(30)
    wait_until(lambda: not is_answering(url), lambda: "the end of the server")


def is_answering(url: str) -> bool:
    command = [f"{find_programs()}/pg_isready", "-q", "-d", url]
    return subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("name", ["runtime", "test", "node", "lock"])
def test_lock_files_name_versions_and_hashes_and_no_host(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="ascii")
    assert "://" not in text
    entries = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert entries
    assert all(re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+ .*\\$", line) for line in entries)
