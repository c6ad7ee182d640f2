"""Where events go: one package a service."""
