class RootKeyError(Exception):
    """The root key cannot be used. The message is a sentence for the operator and never holds the key."""
