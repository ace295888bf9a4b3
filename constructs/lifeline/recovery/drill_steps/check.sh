# Nothing is deployed that a pull request would not have passed.
make check
