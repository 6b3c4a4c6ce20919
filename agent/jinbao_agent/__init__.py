"""What was measured: probes, the durable spool and the signed batches of one vantage."""
