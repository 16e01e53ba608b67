"""The ISP from Python: RAW files, tuning, golden model and simulated RTL, calibration."""
