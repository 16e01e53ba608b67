"""Cells of the FPGA vendor, each behind one component with a behavioural twin."""
