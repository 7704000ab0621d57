"""Hyperparameter tuning: strategies that propose the parameters of real training jobs."""
