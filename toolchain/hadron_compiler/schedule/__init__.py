"""In which pieces and in which order: tiles, commands, dependencies, tokens, cycles."""
