resource "aws_cloudtrail" "logs" {
  name           = "logs"
  s3_bucket_name = "bucket"
}

locals {
  key = null
}
