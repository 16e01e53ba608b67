"""The golden model: what the hardware computes, in integer NumPy."""
