"""Work on one sample."""

__all__ = []
