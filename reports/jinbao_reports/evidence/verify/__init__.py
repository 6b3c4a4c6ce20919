"""Checks an evidence package with nothing but Python: format, hashes, chains, signatures.

Every package carries this folder; in the folder it was unpacked to, `python3 -m verify FILE.zip --sheet HASH` runs it.
`jinbao-report verify` uses the same code and goes on to recompute every number. It imports nothing but the standard library,
so that it can be read and run alone. Format: docs/evidence.md.
"""
