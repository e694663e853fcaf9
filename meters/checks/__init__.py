"""Validation: what readings are checked for, before they are stored and a local day at a time.

`delivery` turns what cannot be a reading into gaps; `day` looks at everything else, and changes
nothing. `rules` lists every rule; ``docs/checks.md`` says the same to an operator.
"""
