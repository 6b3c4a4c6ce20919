"""Evidence packages: a report with everything that proves it, checked by anybody, offline (docs/evidence.md)."""
