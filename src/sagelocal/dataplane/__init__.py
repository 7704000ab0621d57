"""The data plane as a process of its own: the API does not wait for predictions, nor they for it."""
