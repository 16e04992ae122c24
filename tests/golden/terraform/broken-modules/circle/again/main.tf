module "circle" {
  source = "../"
}

resource "aws_cloudtrail" "deep" {
  name           = "deep"
  s3_bucket_name = "bucket"
}
