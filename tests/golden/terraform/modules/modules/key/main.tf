variable "trails" {
  type = list(string)
}

data "aws_caller_identity" "current" {}
data "aws_region" "current" {}
data "aws_partition" "current" {}

resource "aws_kms_key" "this" {
  policy = data.aws_iam_policy_document.key.json
}

data "aws_iam_policy_document" "key" {
  dynamic "statement" {
    for_each = toset(var.trails)
    iterator = trail
    content {
      sid       = "Encrypt${title(trail.value)}"
      actions   = ["kms:GenerateDataKey*"]
      resources = ["*"]
      principals {
        type        = "Service"
        identifiers = ["cloudtrail.${data.aws_partition.current.dns_suffix}"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceArn"
        values = [join(":", [
          "arn", data.aws_partition.current.partition, "cloudtrail", data.aws_region.current.name,
          data.aws_caller_identity.current.account_id, "trail/${trail.key}",
        ])]
      }
    }
  }
}

output "arn" {
  value = aws_kms_key.this.arn
}
