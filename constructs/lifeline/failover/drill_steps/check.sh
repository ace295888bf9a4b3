# The build stage, as the customer asked for it: format, lint and types.
make check
