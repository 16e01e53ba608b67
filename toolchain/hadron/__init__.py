"""Hadron: quantized networks on an open NPU."""
