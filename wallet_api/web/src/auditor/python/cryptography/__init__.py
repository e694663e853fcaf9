"""Stands in for the package ``cryptography``, of which the audit needs one thing: does a signature hold?

The page's own script answers it (src/core/strict.ts), by the rule of docs/spec/statements.md.
"""
