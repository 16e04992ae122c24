"""The key policy evaluator: who may do what with a KMS key, in three values, and why. README.md is the reading order."""
