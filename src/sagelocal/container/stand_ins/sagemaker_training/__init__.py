"""Stands in for sagemaker-training 5.1.4, for what scripts use of it; sagelocal's own."""
