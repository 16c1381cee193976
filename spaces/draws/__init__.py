"""Many settings at once, as arrays: enumerated, costed, drawn uniformly over networks."""
