provider "aws" {
  region = "us-east-1"
}

module "key" {
  source = "./modules/key"
  trails = [local.name, "other"]
}

module "audit" {
  source     = "./modules/trail"
  name       = local.name
  kms_key_id = module.key.arn
}

module "plain" {
  source = "./modules/trail"
  name   = "plain"
}

module "many" {
  source     = "./modules/trail"
  count      = 2
  name       = "many-${count.index}"
  kms_key_id = module.key.arn
}

locals {
  name = lower("AUDIT")
}

module "read" {
  source     = "./modules/trail"
  name       = "after-${module.plain.name}"
  kms_key_id = module.key.arn
}
