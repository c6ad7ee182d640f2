"""`orchestrations.yaml` and the environment as frozen typed settings: start at `connector.config.project`."""
