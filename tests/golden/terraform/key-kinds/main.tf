provider "aws" {
  region = "us-east-1"
}

provider "aws" {
  alias  = "west"
  region = "us-west-2"
}

resource "aws_kms_key" "primary" {
  multi_region             = true
  customer_master_key_spec = "SYMMETRIC_DEFAULT"
}

resource "aws_kms_replica_key" "west" {
  provider        = aws.west
  primary_key_arn = aws_kms_key.primary.arn
}

resource "aws_kms_replica_key" "region_argument" {
  region          = "eu-west-1"
  primary_key_arn = aws_kms_key.primary.arn
  enabled         = false
}

resource "aws_kms_external_key" "pending" {}

resource "aws_kms_external_key" "imported" {
  key_material_base64 = "Zm9v"
}

resource "aws_kms_key" "hmac" {
  customer_master_key_spec = "HMAC_256"
  key_usage                = "GENERATE_VERIFY_MAC"
  is_enabled               = false
}

resource "aws_kms_key" "hsm" {
  custom_key_store_id = "cks-1234567890abcdef0"
}
