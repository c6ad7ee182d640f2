"""Implement destinations, with one package for each platform."""
