"""The Hadron NPU in Amaranth."""
