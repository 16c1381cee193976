"""What a study holds, as plain data: evaluations, candidates, settings, paused trainings."""
