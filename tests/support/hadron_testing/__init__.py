"""Test library: TFLite models made to order, and the oracle that runs them."""
