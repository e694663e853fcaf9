"""The command line: ``commonwatt``."""
