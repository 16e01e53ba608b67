"""Measure the ISP against known truth: ``python -m hadron.isp.measure``."""
