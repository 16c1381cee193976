"""Cost metrics: what a network costs, by names that budgets, fronts and tables share."""

from .metric import Candidates, CostMetric, Metric
from .registry import DEFAULT_AXIS, metric_names, metrics, register, value

__all__ = ["DEFAULT_AXIS", "Candidates", "CostMetric", "Metric", "metric_names", "metrics", "register", "value"]
