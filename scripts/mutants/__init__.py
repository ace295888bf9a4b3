"""`make mutants`: small changes of the code, each of which a unit test must notice."""
