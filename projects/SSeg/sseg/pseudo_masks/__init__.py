"""Pseudo-masks: clustered features of an image."""

__all__ = []
