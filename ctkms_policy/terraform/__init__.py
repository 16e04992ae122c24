"""Terraform: from module directories and plans to Configurations. README.md in this directory is the reading order."""
