"""What the service may know of each built-in algorithm without its libraries: names, tables, metrics."""
