module "missing" {
  source = "./nowhere"
}

module "empty" {
  source = "./empty"
}

module "circle" {
  source = "./circle"
}

module "outside" {
  source = "../../../../../../../tmp"
}

module "key" {
  source  = "terraform-aws-modules/kms/aws"
  version = "~> 3.0"
}

module "cloudtrail" {
  source     = "cloudposse/cloudtrail/aws"
  kms_key_id = module.key.key_arn
}

module "bucket" {
  source = "cloudposse/cloudtrail-s3-bucket/aws"
}

resource "aws_cloudtrail" "registry" {
  name           = "registry"
  s3_bucket_name = module.bucket.bucket_id
  kms_key_id     = module.key.key_arn
}

resource "aws_cloudtrail" "missing" {
  name           = "missing"
  s3_bucket_name = "bucket"
  kms_key_id     = module.missing.arn
}

resource "aws_cloudtrail" "outside" {
  name           = "outside"
  s3_bucket_name = "bucket"
  kms_key_id     = module.outside.arn
}

resource "aws_cloudtrail" "circle" {
  name           = "circle"
  s3_bucket_name = "bucket"
  kms_key_id     = local.a
}

locals {
  a = local.b
  b = local.a
}

resource "aws_cloudtrail" "circle" {
  name           = "twice"
  s3_bucket_name = "bucket"
}
