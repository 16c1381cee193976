"""Compares the network of a search with published ones, trained alike: `automl verify`."""
