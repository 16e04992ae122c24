"""Without this file checkov executes nothing of the directory, and says so to nobody."""
