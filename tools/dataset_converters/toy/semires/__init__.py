"""Toy pictures of SemiRES, as a REFER data set."""
