"""Simulate the RTL: back ends, drivers and scoreboards."""
