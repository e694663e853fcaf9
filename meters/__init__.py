"""Meters: files and batches of readings in, validated versions out."""
