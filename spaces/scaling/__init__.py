"""Compound scaling: makes any baseline wider, deeper and of higher resolution, at a given cost."""
