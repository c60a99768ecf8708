"""Benchmarks: ratios measured in one run, with the installed console script in its default configuration."""
