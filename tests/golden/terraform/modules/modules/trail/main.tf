variable "name" {
  type = string
}

variable "kms_key_id" {
  type    = string
  default = null
}

resource "aws_cloudtrail" "this" {
  name           = var.name
  s3_bucket_name = "bucket"
  kms_key_id     = var.kms_key_id
}

output "name" {
  value = aws_cloudtrail.this.name
}
