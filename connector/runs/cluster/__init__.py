"""Run an orchestration on several machines: Ray runs the tasks, and the ledger on PostgreSQL alone says what counts."""
