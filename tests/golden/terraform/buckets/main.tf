resource "random_id" "suffix" {
  byte_length = 4
}

resource "random_string" "short" {
  length  = 6
  special = false
  upper   = false
}

resource "aws_s3_bucket" "named" {
  bucket = "logs-${random_id.suffix.hex}"
}

resource "aws_s3_bucket_server_side_encryption_configuration" "named" {
  bucket = aws_s3_bucket.named.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm = "aws:kms"
    }
  }
}

resource "aws_s3_bucket" "inline" {
  bucket_prefix = "inline-"
  server_side_encryption_configuration {
    rule {
      bucket_key_enabled = false
      apply_server_side_encryption_by_default {
        sse_algorithm = "aws:kms"
      }
    }
  }
}

resource "aws_s3_bucket" "unnamed" {}

resource "aws_cloudtrail" "named" {
  name           = "trail-${random_string.short.result}"
  s3_bucket_name = aws_s3_bucket.named.bucket
}

resource "aws_cloudtrail" "inline" {
  name           = "inline"
  s3_bucket_name = aws_s3_bucket.inline.id
}

resource "aws_cloudtrail" "unnamed" {
  name           = "unnamed"
  s3_bucket_name = aws_s3_bucket.unnamed.id
}
