"""Runs automatic orchestrations on their schedules: what is due, the processes that run it, and their health."""
