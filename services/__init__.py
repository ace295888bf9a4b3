"""The code of the container services: a package an image."""
