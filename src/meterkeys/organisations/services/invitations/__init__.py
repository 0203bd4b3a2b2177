"""Invitations to whoever has no account yet: written, sent, answered."""
