"""Where bytes live: scratchpad, weight memory and the memory region."""
