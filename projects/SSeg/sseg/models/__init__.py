"""The network of S-Seg and its parts."""

__all__ = []
