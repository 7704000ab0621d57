"""The whole stack end to end, as a user has it."""
