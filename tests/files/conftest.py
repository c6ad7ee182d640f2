"""Ledgers as the tests of the ledger have them."""

from tests.ledger.conftest import ledger, new_url, url

__all__ = ["ledger", "new_url", "url"]
