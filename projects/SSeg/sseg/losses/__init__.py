"""The losses of S-Seg."""

__all__ = []
