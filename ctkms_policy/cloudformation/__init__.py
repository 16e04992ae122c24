"""CloudFormation: from the text of templates to Configurations. README.md is the reading order."""
