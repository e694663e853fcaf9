"""As in the package that this stands in for."""
