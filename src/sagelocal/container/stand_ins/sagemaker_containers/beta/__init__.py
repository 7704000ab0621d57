"""Has the package `framework`."""
