"""What was declared: links, contract, services. Strict, typed loading of the TOML files."""
