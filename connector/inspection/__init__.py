"""Looking before sending: validate, compile, plan, preview, promote, and test destinations."""
