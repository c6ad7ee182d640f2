"""A saved query to SQL text: `render_query` in `connector.queries.render`."""
