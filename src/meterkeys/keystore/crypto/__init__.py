"""The cryptography of the key store: pure Python over `cryptography`, `hashlib` and `hmac`; no database, no Django."""
