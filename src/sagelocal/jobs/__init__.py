"""What runs: statuses, the store, plans, and the detached supervisors that carry them out."""
