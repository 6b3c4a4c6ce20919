"""What is kept: the journal of signed batches, the ledger of human facts, the daily manifests."""
