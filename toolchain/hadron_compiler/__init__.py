"""Compile a TFLite network to a Hadron program."""
