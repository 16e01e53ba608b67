"""Benchmarks: cycles of networks on simulated RTL, beside Arm's estimates for Ethos-U55."""
