resource "aws_kms_key" "logs" {}

resource "aws_kms_alias" "logs" {
  name          = "alias/logs"
  target_key_id = aws_kms_key.logs.key_id
}

resource "aws_kms_alias" "prefixed" {
  name_prefix   = "alias/logs-"
  target_key_id = aws_kms_key.logs.arn
}

data "aws_kms_alias" "found" {
  name = "alias/logs"
}

data "aws_kms_key" "managed" {
  key_id = "alias/aws/s3"
}

data "terraform_remote_state" "security" {
  backend = "s3"
}

data "aws_ssm_parameter" "key" {
  name = "/kms/logs"
}

resource "aws_cloudtrail" "alias" {
  name           = "alias"
  s3_bucket_name = "bucket"
  kms_key_id     = aws_kms_alias.logs.arn
}

resource "aws_cloudtrail" "target" {
  name           = "target"
  s3_bucket_name = "bucket"
  kms_key_id     = aws_kms_alias.prefixed.target_key_arn
}

resource "aws_cloudtrail" "found" {
  name           = "found"
  s3_bucket_name = "bucket"
  kms_key_id     = data.aws_kms_alias.found.target_key_arn
}

resource "aws_cloudtrail" "managed" {
  name           = "managed"
  s3_bucket_name = "bucket"
  kms_key_id     = data.aws_kms_key.managed.arn
}

resource "aws_cloudtrail" "remote" {
  name           = "remote"
  s3_bucket_name = "bucket"
  kms_key_id     = data.terraform_remote_state.security.outputs.kms["logs"].arn
}

resource "aws_cloudtrail" "parameter" {
  name           = "parameter"
  s3_bucket_name = "bucket"
  kms_key_id     = data.aws_ssm_parameter.key.value
}

resource "aws_cloudtrail_event_data_store" "lake" {
  name       = "lake"
  kms_key_id = aws_kms_alias.logs.name
}
