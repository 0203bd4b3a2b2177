"""Check the message catalogues: `python -m scripts.check_translations`. English is the language of the sources.

Fails on messages that are missing, fuzzy or no longer used, on placeholders that are anonymous or do not agree, and
on translations that begin or end otherwise than the message: a blank, a full stop, a colon, dots.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from meterkeys.config import languages

PACKAGE = Path(__file__).resolve().parent.parent / "src/meterkeys"
LANGUAGES = tuple(code for code, _name in languages.LANGUAGES if code != languages.SOURCE_LANGUAGE)
ANONYMOUS = re.compile(r"(?<!%)(?:%%)*%[-#0 +]?\d*(?:\.\d+)?[sdifgrx]|\{\}|\{\d+\}")
"""Placeholders without a name: a translator could neither tell them apart nor change their order."""

END_MARK = re.compile(r"[.:…]$")

PLURALS_OF_ENGLISH = "nplurals=2; plural=(n != 1)"


def main() -> None:
    template = extract_messages(PACKAGE)
    faults = list(find_anonymous_placeholders(template))
    for language in LANGUAGES:
        path = PACKAGE / "locale" / language / "LC_MESSAGES/django.po"
        faults += [f"{language}: {fault}" for fault in check_catalogue(path, template)]
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(
            f"{len(faults)} faults in the translations; `make messages` brings the catalogues up to date."
        )
    print(f"Translations: {len(template)} messages, complete in {', '.join(LANGUAGES)}.")


def extract_messages(package: Path) -> Catalog:
    """Return all messages of the sources, gathered in a copy so that nothing in the checkout changes."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "source")
        shutil.copytree(
            package, copy, ignore=shutil.ignore_patterns("__pycache__", "dist", "collected", "*.mo")
        )
        (copy / "locale").mkdir(exist_ok=True)
        make_messages(copy, "--keep-pot")
        template = (copy / "locale/django.pot").read_text(encoding="utf-8")
    # The template leaves the language's plural rule open, which Babel does not read.
    return read_po(StringIO(template.replace("nplurals=INTEGER; plural=EXPRESSION", PLURALS_OF_ENGLISH)))


def make_messages(package: Path, *options: str) -> None:
    """Bring the catalogues below `package` up to date with its sources."""
    locales = [f"--locale={language}" for language in LANGUAGES]
    command = [
        sys.executable,
        "-m",
        "django",
        "makemessages",
        *locales,
        "--no-obsolete",
        "--add-location=file",
    ]
    ignored = ["--ignore=static/*", "--ignore=collected/*"]
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    subprocess.run([*command, *ignored, "--verbosity=0", *options], cwd=package, env=environment, check=True)


def find_anonymous_placeholders(template: Catalog) -> Iterator[str]:
    for message in messages_of(template):
        for text in texts_of(message.id):
            if "python-format" in message.flags and ANONYMOUS.search(text):
                yield f"anonymous placeholder (write %(name)s): {text!r} {places(message)}"


def check_catalogue(path: Path, template: Catalog) -> Iterator[str]:
    if not path.exists():
        yield f"{path} is missing"
        return
    with path.open("rb") as file:
        catalogue = read_po(file)
    if catalogue.fuzzy:
        yield f"{path.name}: the header is marked fuzzy, so the whole catalogue is not used"
    wanted = {key_of(message): message for message in messages_of(template)}
    found = {key_of(message): message for message in messages_of(catalogue)}
    for key, message in wanted.items():
        if key not in found or not all(texts_of(found[key].string)):
            yield f"missing: {message.id!r} {places(message)}"
    yield from (f"no longer used: {found[key].id!r}" for key in found.keys() - wanted.keys())
    yield from (f"fuzzy: {message.id!r}" for message in found.values() if message.fuzzy)
    yield from (
        f"ends differ: {message.id!r} {places(wanted[key])}"
        for key, message in found.items()
        if key in wanted and not do_ends_agree(message)
    )
    yield from (f"left over: {message.id!r}" for message in catalogue.obsolete.values())
    yield from check_formats(path)


def do_ends_agree(message: Message) -> bool:
    """Tell whether message and translation are framed alike; what is not translated counts as alike."""
    frames = {find_frame(text) for text in texts_of(message.id)}
    return all(find_frame(text) in frames for text in texts_of(message.string) if text)


def find_frame(text: str) -> tuple[bool, bool, str]:
    """Return whether the text begins and ends with white space, and the mark at its end that every language has."""
    return text[:1].isspace(), text[-1:].isspace(), (END_MARK.findall(text.strip()) or [""])[0]


def check_formats(path: Path) -> Iterator[str]:
    """Let msgfmt compare the placeholders of each message with those of its translation."""
    command = ["msgfmt", "--check-format", "--output-file=/dev/null", str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        yield from result.stderr.strip().splitlines()


def messages_of(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def key_of(message: Message) -> tuple[str | None, str]:
    return message.context, texts_of(message.id)[0]


def texts_of(value: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return a text, or a text and its plural forms; an empty text where there is none."""
    return (value or "",) if isinstance(value, str | None) else tuple(value)


def places(message: Message) -> str:
    return ", ".join(sorted({f"{path}" for path, _line in message.locations}))


if __name__ == "__main__":
    if sys.argv[1:] == ["--update"]:
        make_messages(PACKAGE)
    else:
        main()
