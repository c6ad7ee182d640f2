"""Files of events: what a platform would get, for an archive, an agency or a comparison."""
