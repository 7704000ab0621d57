"""Three months of a model's life, simulated on the real scheduler: `make seasons`."""
