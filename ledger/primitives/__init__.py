"""Values and small pure functions that every other package builds on."""
