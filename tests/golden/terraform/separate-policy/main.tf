resource "aws_kms_key" "logs" {
  policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}

resource "aws_kms_key_policy" "logs" {
  key_id = aws_kms_key.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "cloudtrail.amazonaws.com" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_cloudtrail" "too_early" {
  name           = "too-early"
  s3_bucket_name = "bucket"
  kms_key_id     = aws_kms_key.logs.arn
}

resource "aws_cloudtrail" "explicit" {
  name           = "explicit"
  s3_bucket_name = "bucket"
  kms_key_id     = aws_kms_key.logs.arn
  depends_on     = [aws_kms_key_policy.logs]
}

resource "aws_cloudtrail" "by_reference" {
  name           = "by-reference"
  s3_bucket_name = "bucket"
  kms_key_id     = aws_kms_key_policy.logs.key_id
}

resource "aws_s3_bucket_policy" "logs" {
  bucket     = "bucket"
  policy     = "{}"
  depends_on = [aws_kms_key_policy.logs]
}

resource "aws_cloudtrail" "indirect" {
  name           = "indirect"
  s3_bucket_name = "bucket"
  kms_key_id     = aws_kms_key.logs.arn
  depends_on     = [aws_s3_bucket_policy.logs]
}

module "trail" {
  source     = "./trail"
  kms_key_id = aws_kms_key.logs.arn
  depends_on = [aws_kms_key_policy.logs]
}
