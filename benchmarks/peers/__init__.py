"""The peers' servers: each file runs in its peer's own environment, not in Sagewind's."""
