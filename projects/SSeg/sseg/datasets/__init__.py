"""Reading image-caption pairs, and data sets to evaluate on."""

__all__ = []
