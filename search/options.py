"""The options of searches and grids, checked; the command line is derived from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from ..blocks import InputError
from ..blocks.documented import documented
from ..blocks.errors import unknown
from ..spaces import Space
from ..spaces.metrics import DEFAULT_AXIS, metrics
from ..spaces.surveys.auto import AUTO
from ..studies.quality import measure
from ..studies.storage_url import storage_url
from ..studies.store import checked_place
from .data import Reading
from .data.reading_options import columns_of
from .option_checks import LONGEST, are_numbers, as_sequences, at_least, at_most, check_seed, check_study
from .proposing.samplers import DEFAULT_SAMPLER, Objective, check_sampler
from .scores import score
from .training.recipe import BALANCES

DB_PATIENCE = 600.0
"""Seconds for which a database that is locked or out of reach is waited for, unless others are
given."""


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Which images are used, and how they are split."""

    data: str = "digits"
    """The images: digits, fashion-mnist, cifar10, cifar100, a folder of class folders, an .npz
    file, a .csv, .parquet or .jsonl file of paths and labels, hf:NAME, wds:FOLDER of shards."""
    data_dir: str | None = None
    """Folder of the data sets known by name. Default: automl in the user's cache folder."""
    download: bool = False
    """Download the data set if it is missing."""
    validation: str | None = None
    """Folder or split of the data that validates, by name or path. Default: val, valid, dev, …"""
    test: str | None = None
    """Folder or split of the data that tests, by name or path. Default: test, testing, …"""
    drop_small_classes: int = 0
    """Leave out classes with fewer images than this."""
    image_column: str | None = None
    """Column of paths in a table of paths and labels. Default: image, path, file, …"""
    label_column: str | None = None
    """Column of labels in a table of paths and labels. Default: label, class, category, …"""
    task: Literal["classification", "multi-label", "regression"] | None = None
    """What is predicted from a table: classification, multi-label (cells such as `cat;dog`, or
    lists) or regression (numbers). Default: labels as the table has them, never numbers."""
    targets: Sequence[str] = ()
    """Columns of numbers to be predicted, separated by commas; means regression."""
    group: str | None = None
    """Keep images together in one part of the split: by a column of a table of paths and labels, or
    folder, the folders within a class folder."""
    fit: Literal["crop", "letterbox"] = "crop"
    """How a picture becomes square: crop (its largest central square) or letterbox (all of it, on
    a black square)."""
    cache: str | None = None
    """Folder for decoded images, so that large data sets are decoded once; none keeps them in
    memory. Default: AUTOML_CACHE, or automl/decoded in the user's cache folder."""

    @property
    def reading(self) -> Reading:
        """How the data are read."""
        names = ("validation", "test", "drop_small_classes", "image_column", "label_column", "group", "fit", "task")
        return Reading(**{name: getattr(self, name) for name in names}, targets=columns_of(self.targets))


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """At which size, how long and from which seed networks are trained."""

    image_size: int | None = None
    """Deployment size in pixels at which cost is counted. Default: the space's or baseline's."""
    proxy_size: int | None = None
    """Size in pixels at which networks of resolution 1 are trained. Default: 32 to 64, by the
    data."""
    epochs: int | None = None
    """Epochs of a full training. Default: by the number of images; a search with --time plans
    them."""
    fraction: float | None = None
    """Share of the training images seen in an epoch. Default: by their number; a search with
    --time plans it."""
    flip: bool | None = None
    """Mirror images at random in training. Default: as suits the data set, not for digits."""
    pretrained: str | None = None
    """Begin from trained weights in place of noise: NAME of a network (timm's hub is asked),
    NAME:FILE (.pt, .pth, .safetensors), or a folder of `automl export`; none is noise, the
    default."""
    seed: int = 0
    """Seed of the split, the sampler and the trainings."""


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """Where trainings run, for how long, and where results are kept."""

    seconds: float | None = None
    """Wall time of this run, confirmation included: 10min, 2h."""
    workers: int | None = None
    """Networks trained at once. Default: all GPUs, or all CPUs; one, simulated, for a table."""
    gpus_per_trial: float | None = None
    """GPUs of each worker; a fraction shares one. Default: 1 if there are any."""
    address: str | None = None
    """Ray cluster (auto, host:port). Default: a private Ray on this machine."""
    storage: str = field(default_factory=storage_url)
    """Database of the studies, any SQLAlchemy URL. Default: AUTOML_STORAGE, or
    sqlite:///automl.db."""
    db_patience: float = DB_PATIENCE
    """Time for which a database that is locked or out of reach is waited for: 30s, 10min."""
    join: bool = False
    """Run a study beside the processes that run it already, with workers of its own. Without it
    such a study is refused."""
    study: str | None = None
    """Name of the study. Default: made of what is searched, the data and the budget."""


@dataclass(frozen=True, kw_only=True)
class RunOptions(DataOptions, TrainingOptions, ClusterOptions):
    """What searches and grids have in common."""

    metric: str | None = None
    """Quality measure by which networks are chosen and the report is about: accuracy,
    balanced-accuracy, macro-f1, auroc (two classes), log-loss (minimised); mean-average-precision,
    label-f1 (several labels); mae, rmse (minimised), r2 (numbers). Default: the study's, or
    accuracy, mean-average-precision or mae, by the task."""
    balance: str | None = None
    """For classes of unequal size: weights (class weights in the loss), sampling (images of all
    classes equally often) or none. Default: none."""

    def __post_init__(self) -> None:
        if self.metric is not None:
            measure(self.metric)
        if self.balance not in (None, *BALANCES):
            raise unknown("--balance", self.balance, BALANCES)
        at_least(self, workers=1, epochs=1, image_size=8, proxy_size=8, drop_small_classes=0)
        at_most(self, workers=10_000, epochs=100_000, image_size=100_000, proxy_size=4096)
        check_seed("--seed", self.seed)
        if self.study is not None:
            check_study(self.study)
        are_numbers(self, seconds="--time", fraction="--fraction", gpus_per_trial="--gpus-per-trial")
        are_numbers(self, db_patience="--db-patience")
        if self.seconds is not None and not 0 < self.seconds <= LONGEST:
            raise InputError(f"--time must be positive and at most {LONGEST:g} s, but got {self.seconds:g} s")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise InputError(f"--fraction must lie above 0 and be at most 1, but got {self.fraction:g}")
        if self.gpus_per_trial is not None and not 0 <= self.gpus_per_trial <= 64:
            raise InputError(f"--gpus-per-trial must be 0 or more, but got {self.gpus_per_trial:g}")


@documented
@dataclass(frozen=True, kw_only=True)
class SearchOptions(RunOptions):
    """The options of `automl search`, by the names that the command has for them."""

    budget: Sequence[str] = ()
    """Bound on cost: 400MFLOPs, 0.4G, 300M..400MFLOPs, 5.3MParams, 2MB (peak memory); may be given
    several times."""
    cost: str = DEFAULT_AXIS
    """Cost axis of the front: macs, params, activations or peak_memory."""
    space: str | Path | Space = AUTO
    """auto (families by input size and budget), the name of a space or network, a YAML file, or
    several of these separated by commas. For a table auto is efficientnet."""
    trials: int | None = None
    """Trials in the study altogether. Default without --time: 32, in 8 minutes at most."""
    sampler: str = DEFAULT_SAMPLER
    """Proposes the candidates: predictor, evolution, random, tpe, nsga2, gp or grid."""
    artifacts: str | None = None
    """Folder or URL (s3://…) for trained weights and paused trainings, for a study that begins.
    Default: AUTOML_ARTIFACTS, or a folder beside the database."""
    hints: Sequence[str] = ("naswot",)
    """Zero-cost scores from which the predictor may learn, separated by commas; none for none."""
    objective: Objective = "best"
    """Aim of the sampler: best (the most accurate within the budget) or front (the whole
    front)."""
    evaluator: str = "train"
    """How candidates are evaluated: train, table:FILE (looked up, in simulated time), zero-cost or
    zero-cost:SCORE (not trained)."""
    table_seconds: float | None = None
    """Simulated seconds of a full training from a table. Default: the table's, or 60."""
    warm_start: Sequence[str] = ()
    """An earlier study of the same parameters in this database, to learn from; may be given several
    times."""
    references: int | None = None
    """Published networks, scaled to the budget, that are tried first; none for none. Default: a
    quarter of the trials, 2 to 6; 2 in less than 20 minutes."""
    finals: int = 3
    """Networks believed best that are trained again at the end, with the best reference, longer and
    from further seeds."""
    seeds: int = 3
    """Further seeds from which each network of the finals is trained."""

    def __post_init__(self) -> None:
        if self.objective not in get_args(Objective):
            raise unknown("--objective", self.objective, get_args(Objective))
        check_sampler(self.sampler, self.objective)
        metrics.get(self.cost)
        are_numbers(self, table_seconds="--table-seconds")
        if self.table_seconds is not None and not 0 < self.table_seconds <= LONGEST:
            raise InputError(
                f"--table-seconds must be positive and at most {LONGEST:g}, but got {self.table_seconds:g}"
            )
        super().__post_init__()
        as_sequences(self, "budget", "warm_start", separated=False)
        as_sequences(self, "hints")
        at_least(self, trials=1, references=0, finals=0, seeds=1)
        at_most(self, trials=10_000_000, references=10_000, finals=10_000, seeds=10_000)
        for name in self.hints:
            score(name)
        if self.artifacts is not None:
            checked_place(self.artifacts)
