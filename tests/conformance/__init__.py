"""Cases for any implementation of docs/judgement.md: files in, fields of the Statement compared. See docs/conformance.md.

Needs nothing but Python's own library, so that others can run their judge against it.
"""
