"""The door: who comes in, what they may see and do, and how fast."""
