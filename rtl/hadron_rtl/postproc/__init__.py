"""After the array: element-wise operators, requantization, softmax, and the write-back."""
