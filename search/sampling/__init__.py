"""Samplers of our own: what a search tool for networks knows and a general one does not.

Cost is exact and free, the feasible set can be listed or drawn by the hundred thousand, accuracy
rises with cost, seeds are noisy, stopped curves carry information. All of them are Optuna samplers,
for any study over categorical, integer and float parameters.
"""

CURVE = "automl:curve"
"""User attribute of a trial: [[step, value], …], for a study of several objectives, whose trials
cannot report."""
