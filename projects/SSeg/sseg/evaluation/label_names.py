"""Whether a model and a data set mean the same by their labels."""
from __future__ import annotations
from collections.abc import Sequence


def require_same_labels(model: Sequence[str], dataset: Sequence[str]) -> None:
    """Refuse a vocabulary whose labels are those of other classes.

    Scores would compare the classes of one with others: all of them where one
    of the two has a background, some where the order differs. Names that only
    one of the two has may be other words for the same.

    Args:
        model: Names by label, with the background where there is one.
        dataset: Those of the data set.

    Raises:
        ValueError: There are more or fewer labels, or a class has another
            one.
    """
    if tuple(model) == tuple(dataset):
        return
    if len(model) != len(dataset):
        raise ValueError(
            f'the model has {len(model)} labels, from {model[0]!r} to '
            f'{model[-1]!r}, the data set {len(dataset)}, from {dataset[0]!r} '
            f'to {dataset[-1]!r}: give the model the vocabulary of the data '
            'set, and the same background')
    places = {name.casefold(): label for label, name in enumerate(dataset)}
    for label, name in enumerate(model):
        other = places.get(name.casefold(), label)
        if other != label:
            raise ValueError(
                f'the class {name!r} is label {label} of the model, but '
                f'{other} of the data set: give the model the vocabulary of '
                'the data set, in its order')
