"""The languages of the pages and of the letters, each by its own name."""

LANGUAGES = [
    ("de", "Deutsch"),
    ("en", "English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("it", "Italiano"),
    ("sv", "Svenska"),
]

SOURCE_LANGUAGE = "en"
"""What the sources are written in: it has no catalogue."""
