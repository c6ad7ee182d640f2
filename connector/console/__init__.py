"""The console in the browser: pages over the same functions as the command line."""
