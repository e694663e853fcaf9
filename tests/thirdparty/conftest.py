"""What pytest is not to import here: a script for another Python, with packages that this one lacks."""

collect_ignore = ["aics/check.py"]
