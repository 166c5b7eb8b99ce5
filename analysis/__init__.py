"""Comparison of simulated with human donations: arrays in, small records out."""
