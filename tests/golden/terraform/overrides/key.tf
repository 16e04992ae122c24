resource "aws_kms_key" "logs" {
  is_enabled = false
}
