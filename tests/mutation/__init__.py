"""Small damaged files of every kind that the readers here take.

``python -m mutation`` with ``tests/`` on the path prints the table of the
README; ``tests/test_mutations.py`` runs a few hundred cases.
"""
