locals {
  key = aws_kms_key.logs.arn
}
