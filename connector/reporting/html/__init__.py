"""A run as one self-contained HTML page: no script, no font, no picture from elsewhere."""
