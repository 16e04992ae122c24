variable "name" {
  type = string
}

variable "kms" {
  type = object({
    enabled = bool
    alias   = optional(string, "alias/logs")
    arn     = optional(string)
  })
  default = { enabled = false }
}

variable "bucket" {
  default = "default-bucket"
}

variable "not_null" {
  type     = string
  default  = "alias/fallback"
  nullable = false
}

variable "secret" {
  type      = string
  sensitive = true
}

resource "aws_cloudtrail" "main" {
  name           = var.name
  s3_bucket_name = var.bucket
  kms_key_id     = var.kms.enabled ? var.kms.alias : var.kms.arn
}

resource "aws_cloudtrail" "not_null" {
  name           = var.secret
  s3_bucket_name = var.bucket
  kms_key_id     = var.not_null
}

resource "aws_cloudtrail" "undeclared" {
  name           = var.nowhere
  s3_bucket_name = local.nowhere
  kms_key_id     = aws_kms_key.nowhere.arn
}
