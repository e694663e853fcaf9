"""The offline audit: a bundle and a public key in, a verdict out.

Needs only the standard library and ``cryptography``; import-linter proves it.
"""
