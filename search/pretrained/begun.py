"""How the candidates of a search begin: the source, and how much of each family comes from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...blocks.errors import InputError
from ...spaces import Space
from ...spaces.kinds.union import Union
from ...studies import Study
from ...studies.writing.json_values import JSON
from .kept import NONE, keep, share
from .source_weights import Source, read_source

NOTE = "pretrained"
"""Note of a study that keeps the source and what each family has of it."""
LITTLE = 0.05
"""Share of the parameters below which a family begins from noise, but for its stem."""


@dataclass(frozen=True, kw_only=True)
class Begun:
    """The source of a search."""

    source: Source
    """The network from whose weights candidates begin."""
    shares: Mapping[str, float]
    """Family → share of the parameters of its base network that come from the source."""

    @classmethod
    def of(cls, asked: str | None, space: Space) -> Begun | None:
        """The source that `--pretrained` names, for a space; None without one, or from "none".

        Raises:
            InputError: as `read_source`, or no family has anything of the source.
            AutomlError: timm's hub cannot be reached.
        """
        if asked is None or asked == NONE:
            return None
        source = read_source(asked)
        members = space.members if isinstance(space, Union) else (space,)
        shares = {member.name: share(source, member.base()) for member in members}
        if max(shares.values()) < LITTLE:
            raise InputError(
                f"--pretrained must name a network of a family that is searched ({', '.join(shares)}), but nothing of"
                f" {source.name} has a counterpart there beyond the stem"
            )
        return cls(source=source, shares=shares)

    def __str__(self) -> str:
        parts = [
            f"{family} {part:.1%}" if part >= LITTLE else f"{family} begins from noise"
            for family, part in self.shares.items()
        ]
        return f"candidates begin from {self.source.name}: of the parameters of the base network, {', '.join(parts)}"

    def keep(self, study: Study) -> None:
        """Keep a copy of the source with the study, and note what families have of it."""
        keep(study, self.source)
        noted: dict[str, JSON] = {**self.source.identity, "families": dict(self.shares)}
        if study.notes().get(NOTE) != noted:
            study.note(NOTE, noted)
