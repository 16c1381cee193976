"""How candidates are evaluated: by training, by a zero-cost score, or by a table.

A new way is an `EvaluatorKind` in `evaluators`; `on_workers` makes one from a function.
"""

from .registry import EvaluatorKind, evaluator_forms, evaluators, find_evaluator, on_workers

__all__ = ["EvaluatorKind", "evaluator_forms", "evaluators", "find_evaluator", "on_workers"]
