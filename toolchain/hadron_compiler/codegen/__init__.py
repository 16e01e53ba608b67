"""From operators to commands: geometry, loops, weight images and one kernel an operator."""
