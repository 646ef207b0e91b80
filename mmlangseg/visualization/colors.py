"""Paints of masks, kept apart by the common color blindnesses."""
PRED_COLOR = (236, 52, 20)  # vermilion
GT_COLOR = (0, 110, 255)  # azure
