name   = "from-tfvars"
bucket = "overwritten"
kms = {
  enabled = "true"
}
