"""What happens to results on their way to the scratchpad: requantizer and softmax."""
