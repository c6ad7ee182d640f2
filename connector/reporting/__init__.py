"""Looking back at runs: details, trends, rejects, exports and the HTML report."""
