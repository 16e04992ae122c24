variable "kms_key_id" {}

resource "aws_cloudtrail" "this" {
  name           = "in-module"
  s3_bucket_name = "bucket"
  kms_key_id     = var.kms_key_id
}
