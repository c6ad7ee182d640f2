"""Mutation testing: `make mutants` changes the product at random places and reports the changes that no test notices."""
