name = "never"
