"""What a client needs: the address book of a running service, and the variables that point AWS SDKs at it."""
