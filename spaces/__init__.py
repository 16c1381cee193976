"""Which networks are allowed: spaces, candidates, budgets. Importing it imports no torch, and has
timm know `automl_network`."""

from .architectures import architecture, architectures
from .budget import Budget, human, parse_budget
from .candidate import Candidate
from .named_candidate import find_candidate
from .skeleton_space import SkeletonSpace
from .space import Settings, Space, load_space, shipped_spaces
from .survey import Census, census, exclusions, feasible_values, require_feasible
from .timm_registry import watch as _watch
from .union import Union, union

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
