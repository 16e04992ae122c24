variable "region" {
  type = string
}

provider "aws" {
  region = var.region
}

provider "aws" {
  alias               = "audit"
  region              = "eu-west-1"
  allowed_account_ids = ["222222222222"]
}

provider "aws" {
  alias = "logs"
  assume_role {
    role_arn = "arn:aws:iam::333333333333:role/deploy"
  }
}

provider "aws" {
  alias = "other"
}

provider "aws" {
  alias   = "profile"
  profile = "security"
  region  = "us-gov-west-1"
}

resource "aws_cloudtrail" "default" {
  name           = var.region
  s3_bucket_name = "bucket"
}

resource "aws_cloudtrail" "audit" {
  provider       = aws.audit
  name           = "audit"
  s3_bucket_name = "bucket"
}

resource "aws_cloudtrail" "logs" {
  provider       = aws.logs
  name           = "logs"
  s3_bucket_name = "bucket"
}

resource "aws_cloudtrail" "other" {
  provider       = aws.other
  name           = "other"
  s3_bucket_name = "bucket"
}

resource "aws_cloudtrail" "profile" {
  provider       = aws.profile
  name           = "profile"
  s3_bucket_name = "bucket"
}

resource "aws_cloudtrail" "region_argument" {
  region         = "ap-southeast-2"
  name           = "region-argument"
  s3_bucket_name = "bucket"
}

module "passed" {
  source = "./trail"
  providers = {
    aws      = aws.audit
    aws.home = aws
  }
}
