resource "aws_kms_key" "default" {}

resource "aws_kms_key" "empty" {
  policy = ""
}

resource "aws_kms_key" "no_json" {
  policy = "not json {"
}

resource "aws_kms_key" "missing_file" {
  policy = file("${path.module}/nowhere.json")
}

resource "aws_kms_key" "outside" {
  policy = file("../../../../../../../etc/hostname")
}

resource "aws_kms_key" "input" {
  policy = var.policy
}

variable "policy" {
  type = string
}
