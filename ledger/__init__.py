"""The ledger: accounts, transfers, signed statements and the log that proves them."""
