"""Hadron on FPGA boards."""
