"""Names the channels along one axis of a tensor, so that those of two networks can be matched.

Shape letters: n channels of the axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Axis:
    """The channels along one axis of a weight: channels of a group that has a name in its unit."""

    name: str
    """The group: "in", "out", or one of the unit's own."""
    channel_n: Tensor
    """The channel of the group at each place."""
    part_n: Tensor
    """Where the axis holds each channel several times, for instance once for each branch: which of
    these times it is, from 0."""

    @classmethod
    def whole(cls, name: str, count: int) -> Axis:
        """All channels of a group, in order."""
        return cls.share(name, 0, count)

    @classmethod
    def share(cls, name: str, start: int, stop: int) -> Axis:
        """The channels from `start` to before `stop`."""
        channel_n = torch.arange(start, stop)
        return cls(name=name, channel_n=channel_n, part_n=torch.zeros_like(channel_n))

    @classmethod
    def repeated(cls, name: str, count: int, times: int, *, groups: int = 1) -> Axis:
        """All channels several times; within each of the `groups` of channels one time after the
        other."""
        places = torch.arange(count * times).view(groups, times, count // groups)
        part_n = places // (count // groups) % times
        group = torch.arange(groups).view(-1, 1, 1)
        channel_n = places % (count // groups) + group * (count // groups)
        return cls(name=name, channel_n=channel_n.flatten(), part_n=part_n.flatten())

    def places(self, source: Axis, map_n: Tensor) -> Tensor:
        """For each place of this axis its place on the same axis of the source network; -1 where
        that has none.

        Args:
            source: the axis of the source.
            map_n: for each channel of the group the channel of the source's group.
        """
        parts = int(source.part_n.max()) + 1
        channels = max(int(source.channel_n.max()), int(map_n.max())) + 1
        table = torch.full((parts, channels), -1)
        table[source.part_n, source.channel_n] = torch.arange(len(source.channel_n))
        return table[self.part_n % parts, map_n[self.channel_n]]
