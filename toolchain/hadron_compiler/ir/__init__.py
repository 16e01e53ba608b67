"""The compiler's graph: tensors, operations and the rules a sound graph keeps."""
