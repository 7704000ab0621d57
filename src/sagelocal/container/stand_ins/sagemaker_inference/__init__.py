"""Stands in for sagemaker-inference 1.10.1, for what handlers use of it; sagelocal's own."""
