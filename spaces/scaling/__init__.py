"""Compound scaling of any baseline: networks wider, deeper and at higher resolution, and what they
truly cost."""
