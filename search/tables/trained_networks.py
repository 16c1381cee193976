"""A table for one space: what each of its networks reached, from which seed, and in what time.

Rows that build one network are one entry: their seeds are pooled (NAS-Bench-Macro lists 6,561
settings of 3,969 networks).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...blocks import Cost, InputError
from ...spaces import Candidate, Census, Space
from ...spaces.bulk import examine, joined, settings
from .files import read_rows
from .row_matching import indices, named_id
from .row_values import Curve, Figures, as_fractions, figures

ASKED = 500
"""So many networks within the budget are looked up to say what part of them a table has."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A network of the table."""

    curves: tuple[Curve, ...]
    """(epoch, accuracy from 0 to 1) for each seed; of one point at epoch 1 in a table without
    curves."""
    seconds: tuple[float | None, ...]
    """Of a full training, for each seed; None where the table does not say."""
    rows: tuple[Figures, ...] = field(repr=False)
    """What it was made of."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One training, as the table has it."""

    curve: Curve
    """(epoch, accuracy)."""
    seconds: float | None
    """Of the whole training, where the table says."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What the networks of a space reached."""

    path: Path
    """Of the file, absolute."""
    fingerprint: str
    """SHA-256 of the file."""
    entries: Mapping[str, Entry] = field(repr=False)
    """Candidate id → network."""
    epochs: int
    """Of a full training: 1 without curves."""
    rows: int
    """Of the file."""
    outside: int
    """Rows of networks that the space's constraints exclude."""

    @property
    def timed(self) -> bool:
        """Whether it says how long every training took."""
        return all(seconds is not None for entry in self.entries.values() for seconds in entry.seconds)

    @property
    def seeds(self) -> int:
        """The fewest trainings that a network has."""
        return min(len(entry.curves) for entry in self.entries.values())

    def seen(self, candidate_id: str, seed: int) -> Seen | None:
        """The training of a network that a search sees under `seed`; None where the table lacks the
        network.

        Which of the table's seeds comes first depends on the network, so that those first seeds
        share nothing; successive seeds see successive ones, the first again once all have been
        seen.
        """
        entry = self.entries.get(candidate_id)
        if entry is None:
            return None
        index = (int(candidate_id[:12], 16) + seed) % len(entry.curves)
        return Seen(curve=entry.curves[index], seconds=entry.seconds[index])

    def check(self, candidate: Candidate, cost: Cost) -> None:
        """InputError where the table gives a candidate another cost: for entries named by id, whose
        cost cannot be counted on reading."""
        for row in self.entries[candidate.id].rows:
            _check(row, int(cost.macs), int(cost.params), candidate.image)

    def coverage(self, space: Space, found: Census, seed: int) -> float:
        """Which part of the networks within the budget the table has, from a draw of those that the
        census came upon."""
        rows = np.random.default_rng(seed).permutation(found.rows)[:ASKED]
        known = [space.candidate(settings(space, row)).id in self.entries for row in rows]
        return sum(known) / len(known) if known else 0.0


def read_table(path: str | Path, space: Space) -> Table:
    """The table in a file, for `space` at its size and with its classes.

    Raises:
        InputError: names file, row, rule and value: a row that cannot be read, that names no
            network of the space, or whose cost is not that of its network.
    """
    path = Path(path).expanduser()
    rows, fingerprint = read_rows(path)
    read = as_fractions([figures(row) for row in rows])
    epochs = _epochs(read)
    pooled: dict[str, list[Figures]] = {}
    by_settings: list[Figures] = []
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
        path=path.resolve(), fingerprint=fingerprint, entries=entries, epochs=epochs, rows=len(rows), outside=outside
    )


def _epochs(read: Sequence[Figures]) -> int:
    """The last epoch, which all curves must share: a search compares networks trained alike."""
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


def _add(pooled: dict[str, list[Figures]], given: list[Figures], space: Space) -> int:
    """Add rows that give settings to the networks they are of; how many are of none that the space
    allows."""
    if not given:
        return 0
    chosen = indices(space, [one.row for one in given])
    cost, valid, keys = examine(space, chosen)
    ids: dict[int, str] = {}
    for number, (one, name) in enumerate(zip(given, joined(keys).tolist(), strict=True)):
        if valid[number]:
            _check(one, int(cost.macs[number]), int(cost.params[number]), space.image)
            if name not in ids:  # of equal fingerprints the candidate is made once
                ids[name] = space.candidate(settings(space, chosen[number])).id
            pooled.setdefault(ids[name], []).append(one)
    return int((~valid).sum())


def _check(one: Figures, macs: int, params: int, image: tuple[int, int, int]) -> None:
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
