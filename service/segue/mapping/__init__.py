"""The mapping language: files into compiled functions, and the functions into resources."""
