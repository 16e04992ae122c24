terraform {
  required_providers {
    aws = {
      source                = "hashicorp/aws"
      configuration_aliases = [aws.home]
    }
  }
}

data "aws_caller_identity" "home" {
  provider = aws.home
}

data "aws_region" "here" {}

resource "aws_cloudtrail" "this" {
  name           = "${data.aws_caller_identity.home.account_id}-${data.aws_region.here.name}"
  s3_bucket_name = "bucket"
}

resource "aws_cloudtrail" "home" {
  provider       = aws.home
  name           = "home"
  s3_bucket_name = "bucket"
}
