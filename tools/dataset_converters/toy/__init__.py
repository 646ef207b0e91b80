"""Generators of toy sets, in the file formats of the real ones."""
