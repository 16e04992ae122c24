data "aws_caller_identity" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
}

resource "aws_kms_key" "jsonencode" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AllowCloudTrail"
        Effect    = "Allow"
        Principal = { Service = "cloudtrail.amazonaws.com" }
        Action    = ["kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceArn" = "arn:aws:cloudtrail:us-east-1:${local.account}:trail/logs" } }
      },
    ]
  })
}

resource "aws_kms_key" "heredoc" {
  policy = <<-POLICY
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "AllowCloudTrail",
          "Effect": "Allow",
          "Principal": { "Service": "cloudtrail.amazonaws.com" },
          "Action": ["kms:GenerateDataKey*", "kms:DescribeKey"],
          "Resource": "*",
          "Condition": { "StringEquals": { "aws:SourceArn": "arn:aws:cloudtrail:us-east-1:${local.account}:trail/logs" } }
        }
      ]
    }
  POLICY
}

resource "aws_kms_key" "templatefile" {
  policy = templatefile("${path.module}/policy.json.tftpl", { account = local.account })
}

resource "aws_kms_key" "template_file" {
  policy = data.template_file.policy.rendered
}

data "template_file" "policy" {
  template = file("policy.json.tftpl")
  vars = {
    account = local.account
  }
}

resource "aws_kms_key" "replaced" {
  policy = replace(file("policy.json.tftpl"), "$${account}", local.account)
}

resource "aws_kms_key" "document" {
  policy = data.aws_iam_policy_document.key.json
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "AllowCloudTrail"
    actions   = ["kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = ["arn:aws:cloudtrail:us-east-1:${local.account}:trail/logs"]
    }
  }
}
