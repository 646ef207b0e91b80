"""Repairs of libraries, each with its reason and its end."""
