"""Members, their accounts, and memberships that wait for the person."""
