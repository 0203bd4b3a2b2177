"""Promise: a key in the clear passes through the listed files and no others."""

import ast
from pathlib import Path

import meterkeys

SOURCE = Path(meterkeys.__file__).parent

# Whoever names one of these can hold a key in the clear.
DOORS = {
    "release_keys",
    "resume_release",
    "seal_keys",
    "read_devices",
    "open_many",
    "expose",
    "import_devices",
    "export_keys",
}

FILES = {
    "formats/device_csv.py": "turns text into keys and keys into text",
    "keystore/crypto/envelope.py": "seals and opens",
    "keystore/crypto/secret.py": "holds a single key",
    "keystore/services.py": "the door itself",
    "exchange/services/__init__.py": "names the two services",
    "exchange/services/imports.py": "carries keys from the file to the door",
    "exchange/services/exports.py": "carries keys from the door to the file",
    "exchange/management/commands/import_keys.py": "opens the file",
    "exchange/views.py": "receives the upload",
    "catalogue/device_page/key_views.py": "answers with the key that was asked for",
    "catalogue/key_check/captures/starting.py": "asks for the keys of the meters that a capture heard",
    "catalogue/key_check/captures/working.py": "tries them on its telegrams",
    "catalogue/key_check/checking.py": "tries keys on telegrams",
    "web/demonstration/load.py": "imports the demonstration's files",
}


def test_only_the_listed_files_can_hold_a_key() -> None:
    found = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "migrations" not in path.parts and DOORS & _list_names(path)
    }
    assert found == set(FILES)


def _list_names(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=aliases):
                names |= {alias.name for alias in aliases}
    return names
