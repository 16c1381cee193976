"""Candidates: one network as plain data, its costs checked, and the network built from it."""
