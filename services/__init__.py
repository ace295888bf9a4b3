"""The code of the container services: a package a service."""
