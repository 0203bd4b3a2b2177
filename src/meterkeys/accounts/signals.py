"""What accounts tell the rooms above them."""

from django.dispatch import Signal

own_password_set = Signal()
"""A person has set a password of their own: by the form, by a link or at the forced change.

Sent in the transaction that stores it, with `user` and `is_first`: True where there was none of the person's own
before, so it was missing or temporary. An administrator may have set a temporary one for somebody who has long been
here, so `is_first` alone does not say that the account is new.
"""

organisations_asked = Signal()
"""Somebody changed the own account while acting in no organisation. Who should read of it?

Sent with `user`; each receiver returns the organisations that the person belongs to, as pairs of id and name.
"""
