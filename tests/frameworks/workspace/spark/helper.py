"""What the application ships to its executors."""


def key(row):
    return (row["species"], row["n"])
