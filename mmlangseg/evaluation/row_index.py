"""Which annotation a prediction is of."""
from __future__ import annotations
from collections.abc import Mapping, Sequence
from typing import Any

_SHOWN = 3


class PredictionError(ValueError):
    """A file of predictions is malformed or does not fit the annotations."""


class RowIndex:
    """Finds the annotation that each prediction is of, and counts them off.

    Ids are compared as text, since some write ``7`` and others ``"7"``, and
    NumPy has ``7.0`` and ``b"7"``.

    Args:
        names: What ids identify an annotation, such as
            ``('scene_id', 'ann_id')``.
        keys: These ids of each of N annotations.
        source: The annotation file, for messages.
        extra_name: Another id, which predictions must have only where
            ``names`` are not enough (``ann_id`` of ScanRefer restarts with
            each object).
        extras: This id of each annotation.

    Raises:
        PredictionError: Two annotations have the same ids.
    """

    def __init__(
            self,
            names: Sequence[str],
            keys: Sequence[Sequence[Any]],
            source: object,
            extra_name: str | None = None,
            extras: Sequence[Any] = (),
    ) -> None:
        self.names = tuple(names)
        self.source = source
        self.extra_name = extra_name
        self._rows: dict[tuple[str, ...], dict[str, int]] = {}
        extras = extras if extra_name else [''] * len(keys)
        for row, (key, extra) in enumerate(zip(keys, extras)):
            group = self._rows.setdefault(tuple(map(id_text, key)), {})
            first = group.setdefault(id_text(extra), row)
            if first != row:
                raise PredictionError(
                    f'{source}: rows {first} and {row} have the '
                    f'same {self._describe(key, extra)}, so that a '
                    'prediction cannot be told to be of one of them. Number '
                    'them anew')
        self._seen = bytearray(len(keys))

    def take(self, ids: Mapping[str, Any], where: str) -> int:
        """The row of the annotation that a prediction is of.

        Args:
            ids: Those of the prediction.
            where: It stands, for messages.

        Raises:
            PredictionError: An id is missing or unknown, or the annotation
                had a prediction before.
        """
        absent = [name for name in self.names if ids.get(name) is None]
        if absent:
            raise PredictionError(
                f'{where}: it has no "{absent[0]}". A prediction is told by '
                f'{" and ".join(self.names)}')
        key = tuple(id_text(ids[name]) for name in self.names)
        group = self._rows.get(key)
        if group is None:
            raise PredictionError(
                f'{where}: {self._describe(key)} is not in {self.source}. '
                'Are these the predictions of another split or data set?')
        row = self._choose(group, key, ids, where)
        if self._seen[row]:
            raise PredictionError(
                f'{where}: there was a prediction of {self._describe(key)} '
                'before. Leave one of the two out')
        self._seen[row] = 1
        return row

    def finish(self, path: object) -> None:
        """Check that every annotation had a prediction.

        Raises:
            PredictionError: Some had none; says how many and which first.
        """
        missing = len(self._seen) - sum(self._seen)
        if not missing:
            return
        first = [(key, extra) for key, group in self._rows.items()
                 for extra, row in group.items() if not self._seen[row]]
        shown = '; '.join(self._describe(*each) for each in first[:_SHOWN])
        more = ' ...' if missing > _SHOWN else ''
        raise PredictionError(
            f'{path}: {missing} of the {len(self._seen)} annotations of '
            f'{self.source} have no prediction: {shown}{more}. Predict an '
            'empty mask where nothing was found')

    def _choose(self, group: dict[str, int], key: Sequence[str],
                ids: Mapping[str, Any], where: str) -> int:
        extra = ids.get(self.extra_name) if self.extra_name else None
        if extra is None:
            if len(group) == 1:
                return next(iter(group.values()))
            raise PredictionError(
                f'{where}: {self._describe(key)} is that of {len(group)} '
                f'annotations: add "{self.extra_name}"')
        if id_text(extra) not in group:
            raise PredictionError(
                f'{where}: {self._describe(key, extra)} is not in '
                f'{self.source}, where "{self.extra_name}" is '
                f'{", ".join(sorted(group)[:_SHOWN])}. Are these the '
                'predictions of another data set?')
        return group[id_text(extra)]

    def _describe(self, key: Sequence[Any], extra: Any = '') -> str:
        parts = [f'{n} {id_text(v)[:60]}' for n, v in zip(self.names, key)]
        if self.extra_name and id_text(extra):
            parts.append(f'{self.extra_name} {id_text(extra)[:60]}')
        return ', '.join(parts)


def id_text(value: Any) -> str:
    """An id as text, the same however it is written: 7, 7.0, "7", b"7"."""
    if type(value) is str:
        return value.strip()
    if isinstance(value, bytes):
        return value.decode('utf-8', 'replace').strip()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()
