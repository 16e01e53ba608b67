"""The activation scratchpad: byte-addressed banks, the padded read port, the write port."""
