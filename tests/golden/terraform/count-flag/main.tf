variable "create" {
  type    = bool
  default = false
}

variable "kms" {
  type    = bool
  default = true
}

resource "aws_cloudtrail" "logs" {
  count          = var.create ? 1 : 0
  name           = "logs"
  s3_bucket_name = "bucket"
  kms_key_id     = var.kms ? aws_kms_key.logs[0].arn : null
}

resource "aws_kms_key" "logs" {
  count  = var.create && var.kms ? 1 : 0
  policy = data.aws_iam_policy_document.key[0].json
}

resource "aws_cloudtrail" "never" {
  count          = 0
  name           = "never"
  s3_bucket_name = "bucket"
}

resource "aws_cloudtrail" "listed" {
  count          = length(var.names)
  name           = var.names[count.index]
  s3_bucket_name = "bucket"
}

variable "names" {
  type    = list(string)
  default = []
}

data "aws_iam_policy_document" "key" {
  count = var.create ? 1 : 0
  statement {
    actions   = ["kms:DescribeKey"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
  }
}
