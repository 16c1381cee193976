"""Reads a table of trained networks: accuracy and time of each network of a space, by seed.

Rows that build one network are one entry: their seeds are pooled (NAS-Bench-Macro lists 6,561
settings of 3,969 networks).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...blocks import Cost, InputError
from ...spaces import Candidate, Census, Space
from ...spaces.draws.bulk import examine, joined, settings
from ...studies.quality import ACCURACY
from .row_matching import indices, named_id
from .row_values import Curve, RowValues, as_fractions, row_values
from .table_file import read_rows

COVERAGE_SAMPLE = 500
"""Number of networks within the budget that are looked up to estimate a table's coverage."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One network of the table, with the trainings of all its rows."""

    curves: tuple[Curve, ...]
    """Curve of (epoch, accuracy from 0 to 1) for each seed; in a table without curves, a single
    point at epoch 1."""
    seconds: tuple[float | None, ...]
    """Seconds of the full training for each seed; None where the table does not give them."""
    rows: tuple[RowValues, ...] = field(repr=False)
    """Rows of the table that this network was read from."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One training that the table records."""

    curve: Curve
    """Curve of (epoch, accuracy from 0 to 1)."""
    seconds: float | None
    """Seconds of the full training; None if the table does not give them."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The trained networks of a space."""

    path: Path
    """Absolute path of the file."""
    fingerprint: str
    """SHA-256 of the file."""
    entries: Mapping[str, Entry] = field(repr=False)
    """Candidate id → network."""
    epochs: int
    """Epochs of a full training; 1 in a table without curves."""
    rows: int
    """Number of rows in the file."""
    outside: int
    """Number of rows whose networks the space's constraints exclude."""

    @property
    def timed(self) -> bool:
        """Whether the table gives the seconds of every training."""
        return all(seconds is not None for entry in self.entries.values() for seconds in entry.seconds)

    @property
    def seeds(self) -> int:
        """The smallest number of trainings that a network has."""
        return min(len(entry.curves) for entry in self.entries.values())

    def seen(self, candidate_id: str, seed: int) -> Seen | None:
        """The training of a network that stands for `seed`; None if the table lacks the network.

        Successive seeds select successive trainings of the network, cyclically. The first one
        depends on the candidate's id, so that one seed does not select the same seed of the table
        for all networks.
        """
        entry = self.entries.get(candidate_id)
        if entry is None:
            return None
        index = (int(candidate_id[:12], 16) + seed) % len(entry.curves)
        return Seen(curve=entry.curves[index], seconds=entry.seconds[index])

    def check(self, candidate: Candidate, cost: Cost) -> None:
        """Check the table's cost of a candidate against the counted one.

        It is needed for rows named by id, whose cost cannot be counted when the table is read.

        Raises:
            InputError: the table gives another cost.
        """
        for row in self.entries[candidate.id].rows:
            _check(row, int(cost.macs), int(cost.params), candidate.image)

    def coverage(self, space: Space, found: Census, seed: int) -> float:
        """The share of networks within the budget that the table has, estimated from a sample.

        The sample is drawn from the networks of the census `found`.
        """
        rows = np.random.default_rng(seed).permutation(found.rows)[:COVERAGE_SAMPLE]
        known = [space.candidate(settings(space, row)).id in self.entries for row in rows]
        return sum(known) / len(known) if known else 0.0


def read_table(path: str | Path, space: Space, metric: str = ACCURACY) -> Table:
    """Read the table in a file for `space`, at the space's image size and number of classes.

    `metric` is the quality measure whose column is read; columns of accuracies have several names.

    Raises:
        InputError: a row cannot be read, names no network of the space, or has a cost that is not
            that of its network; the message names file, row, rule and value.
    """
    path = Path(os.path.expanduser(path))
    rows, fingerprint = read_rows(path)
    read = as_fractions([row_values(row, metric) for row in rows], metric)
    epochs = _epochs(read)
    pooled: dict[str, list[RowValues]] = {}
    by_settings: list[RowValues] = []
    for one in read:
        known = named_id(one.row)
        if known is None:
            by_settings.append(one)
        else:
            pooled.setdefault(known, []).append(one)
    outside = _add(pooled, by_settings, space)
    if not pooled:
        raise InputError(
            f"{path.name}: a table must have a network of the space {space.name!r}, but its constraints exclude all"
            f" {len(rows):,} rows"
        )
    entries = {
        key: Entry(
            curves=tuple(curve for one in several for curve in one.curves),
            seconds=tuple(value for one in several for value in one.seconds),
            rows=tuple(several),
        )
        for key, several in pooled.items()
    }
    return Table(
        path=Path(os.path.realpath(path)),
        fingerprint=fingerprint,
        entries=entries,
        epochs=epochs,
        rows=len(rows),
        outside=outside,
    )


def _epochs(read: Sequence[RowValues]) -> int:
    """The last epoch, which must be equal for all curves, so that networks are comparable."""
    first = read[0]
    last = first.curves[0][-1][0]
    for one in read:
        if one.curved is not first.curved:
            with_curve, without = (first, one) if first.curved else (one, first)
            raise without.row.error(
                f"either all rows of a table have curves or none, but this one has none and {with_curve.row.place} has"
            )
        for curve in one.curves:
            if curve[-1][0] != last:
                raise one.row.error(
                    f"all curves of a table must end at the same epoch, but this one ends at {curve[-1][0]} and"
                    f" {first.row.place} at {last}"
                )
    return last


def _add(pooled: dict[str, list[RowValues]], given: list[RowValues], space: Space) -> int:
    """Add rows that give settings to their networks; return how many the space excludes."""
    if not given:
        return 0
    chosen = indices(space, [one.row for one in given])
    cost, valid, keys = examine(space, chosen)
    ids: dict[int, str] = {}
    for number, (one, name) in enumerate(zip(given, joined(keys).tolist(), strict=True)):
        if valid[number]:
            _check(one, int(cost.macs[number]), int(cost.params[number]), space.image)
            if name not in ids:  # one candidate for each distinct fingerprint
                ids[name] = space.candidate(settings(space, chosen[number])).id
            pooled.setdefault(ids[name], []).append(one)
    return int((~valid).sum())


def _check(one: RowValues, macs: int, params: int, image: tuple[int, int, int]) -> None:
    for name, own, counted in (("MACs", one.macs, macs), ("parameters", one.params, params)):
        if own is not None and own != counted:
            twice = (
                " (twice as many: automl counts a multiply-add as one)" if name == "MACs" and own == 2 * counted else ""
            )
            raise one.row.error(
                f"the {name} of a row must be those of its network, but the table has {own:,} and the network has"
                f" {counted:,} at {image[1]}x{image[2]} px{twice}; is it the space of this table, at its size and with"
                " its classes?"
            )
