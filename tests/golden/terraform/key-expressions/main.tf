variable "key_arn" {
  type    = string
  default = null
}

variable "own_key" {
  type    = string
  default = ""
}

resource "aws_kms_key" "logs" {}

resource "aws_kms_key" "optional" {
  count = var.own_key == "" ? 1 : 0
}

locals {
  key = coalesce(var.key_arn, aws_kms_key.logs.arn)
}

resource "aws_cloudtrail" "coalesce" {
  name           = "coalesce"
  s3_bucket_name = "bucket"
  kms_key_id     = local.key
}

resource "aws_cloudtrail" "try" {
  name           = "try"
  s3_bucket_name = "bucket"
  kms_key_id     = try(aws_kms_key.optional[0].arn, null)
}

resource "aws_cloudtrail" "one" {
  name           = "one"
  s3_bucket_name = "bucket"
  kms_key_id     = one(aws_kms_key.optional[*].arn)
}

resource "aws_cloudtrail" "join" {
  name           = "join"
  s3_bucket_name = "bucket"
  kms_key_id     = join("", aws_kms_key.optional.*.arn)
}

resource "aws_cloudtrail" "conditional" {
  name           = "conditional"
  s3_bucket_name = "bucket"
  kms_key_id     = var.own_key == "" ? aws_kms_key.optional[0].arn : var.own_key
}

resource "aws_cloudtrail" "default" {
  name           = "default"
  s3_bucket_name = "bucket"
  kms_key_id     = var.key_arn
}

resource "aws_cloudtrail" "null" {
  name           = "null"
  s3_bucket_name = "bucket"
  kms_key_id     = null
}

resource "aws_cloudtrail" "unmodelled" {
  name           = "unmodelled"
  s3_bucket_name = "bucket"
  kms_key_id     = provider::company::key("logs")
}
