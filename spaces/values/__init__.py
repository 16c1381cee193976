"""Values that may be chosen: read from YAML, as parameters, constrained and counted."""
