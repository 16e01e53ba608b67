"""Importers: from a model file to the compiler's graph."""
