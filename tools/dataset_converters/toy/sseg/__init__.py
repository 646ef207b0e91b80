"""Toy web pictures of S-Seg, as tars of pairs."""
