"""Streams between the blocks: payload layouts, packing and unpacking."""
