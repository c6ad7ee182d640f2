"""What pages and lists read of the ledger: each function is one or two statements in the transaction of its caller."""
