"""Samplers that use what is known in architecture search: exact costs and a listable feasible set.

A general sampler does not know that cost can be computed without an evaluation, that the feasible
candidates can be listed or drawn by the hundred thousand, that accuracy rises with cost and differs
between seeds, and that the curves of pruned trainings carry information. All samplers here are
Optuna samplers, for any study over categorical, integer and float parameters.
"""

CURVE = "automl:curve"
"""User attribute of a trial: its learning curve as [[step, value], ...]. Optuna refuses
intermediate values in a study of several objectives."""

NO_EVIDENCE = "automl:no evidence"
"""User attribute of a failed trial, True: its failure says nothing about its parameters, since a
machine was at fault, or the trial was never evaluated."""

TOO_SLOW = "automl:too slow"
"""User attribute of a pruned trial, True: its training would not end in the time of the search,
whenever it begins. Its curve counts, and it counts as a failure."""
