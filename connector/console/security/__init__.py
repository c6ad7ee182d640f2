"""Who may ask the console for what: hosts, origins, sessions, proxies, form tokens, headers, limits."""
