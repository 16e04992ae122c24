resource "aws_cloudtrail" "logs" {
  kms_key_id = local.key
}
