locals {
  trails = {
    audit = { bucket = "audit-logs", kms = true }
    data  = { bucket = "data-logs", kms = false }
  }
}

variable "more" {
  type = map(object({ bucket = string }))
}

resource "aws_cloudtrail" "each" {
  for_each       = local.trails
  name           = each.key
  s3_bucket_name = each.value.bucket
  kms_key_id     = each.value.kms ? aws_kms_key.each[each.key].arn : null
}

resource "aws_kms_key" "each" {
  for_each = { for name, trail in local.trails : name => trail if trail.kms }
  tags     = { Name = each.key }
}

resource "aws_cloudtrail" "more" {
  for_each       = var.more
  name           = each.key
  s3_bucket_name = each.value.bucket
  kms_key_id     = aws_kms_key.more[each.key].arn
}

resource "aws_kms_key" "more" {
  for_each = var.more
}

resource "aws_cloudtrail" "set" {
  for_each       = toset(["a", "b"])
  name           = "set-${each.value}"
  s3_bucket_name = "bucket"
}
