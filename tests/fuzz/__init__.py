"""Fuzz targets, one module for each border of the product; see CONTRIBUTING.md."""
