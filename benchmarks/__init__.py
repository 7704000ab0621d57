"""Sagewind beside its peers: `make bench` and `make bench-quick` write RESULTS.md."""
