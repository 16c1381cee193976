"""Style of all figures: colours, fonts, and files that are reproducible byte for byte.

Colours follow Okabe & Ito, which colour-blind readers can distinguish; every colour also has its
own marker. Accuracy is drawn in viridis, whose lightness is monotonic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from .atomic_file import replacing

if TYPE_CHECKING:
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

AXIS_COLOURS = ("#0072B2", "#C67700", "#009E73", "#AA4499")
"""Colours of the axes in order; the orange is darker than Okabe & Ito's, to be legible as text."""
AXIS_MARKERS = ("v", "s", "^", "P")
COMPOUND = "#B3261E"
INK = "#222222"
FAINT = "#9A9A9A"
MAP = "viridis"
FORMATS = (".svg", ".png")

_STYLE = {
    "font.size": 9.5,
    "axes.titlesize": 11.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": "#666666",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "legend.frameon": False,
    "text.color": INK,
    "svg.hashsalt": "automl",
    "path.simplify": False,
}


@contextmanager
def style() -> Iterator[None]:
    """Use the style within the `with` block, whatever the user's matplotlib settings are."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)  # pyright: ignore[reportCallIssue, reportArgumentType]
        yield


def settle(figure: Figure) -> Figure:
    """Lay the figure out and freeze the layout, which would otherwise change with each drawing."""
    for _ in range(2):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def axis_colour(axes: Sequence[str], axis: str) -> str:
    """The colour of `axis` among `axes`."""
    return AXIS_COLOURS[list(axes).index(axis) % len(AXIS_COLOURS)]


def accuracy_scale(values: Sequence[float]) -> Normalize:
    """The colour scale of these accuracies in percent; equal accuracies are in its middle."""
    from matplotlib.colors import Normalize

    low, high = min(values, default=0.0), max(values, default=1.0)
    return Normalize(low, high) if high - low > 1e-9 else Normalize(low - 0.5, high + 0.5)


def short(value: float) -> str:
    """A number with an SI prefix: 350000000 as "350 M"."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value:.4g}"


def save(figure: Figure, path: str | Path) -> Path:
    """Write the figure as .svg or .png; the same figure gives the same bytes.

    Raises:
        InputError: the file has another suffix.
        OSError: the file cannot be written; an earlier one stays as it was.
    """
    target = Path(path)
    if target.suffix not in FORMATS:
        raise InputError(f"a figure must be saved as {' or '.join(FORMATS)}, but got {target.name!r}")
    metadata = {"Date": None, "Creator": None} if target.suffix == ".svg" else {"Software": None}
    with style(), replacing(target) as file:
        figure.savefig(file, format=target.suffix[1:], dpi=160, metadata=metadata)
    return target
