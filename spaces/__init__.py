"""Which networks are allowed: spaces, candidates, budgets. Importing it imports no torch, and has
timm know `automl_network`."""

from .architectures import architecture, architectures
from .budget import Budget, human, parse_budget
from .candidates.candidate import Candidate
from .kinds.skeleton_space import SkeletonSpace
from .kinds.union import Union, union
from .named_candidate import find_candidate
from .space import Settings, Space, load_space, shipped_spaces
from .surveys.survey import Census, census, exclusions, feasible_values, require_feasible
from .timm_registry import watch as _watch

__all__ = [
    "architecture",
    "architectures",
    "Budget",
    "Candidate",
    "Census",
    "Settings",
    "SkeletonSpace",
    "Space",
    "Union",
    "census",
    "exclusions",
    "feasible_values",
    "find_candidate",
    "human",
    "load_space",
    "parse_budget",
    "require_feasible",
    "shipped_spaces",
    "union",
]

_watch()
