"""The market: who trades how much and at what price in one half-hour, with a certificate."""
