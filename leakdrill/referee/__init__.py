"""The game master: deals the data, plays the timeline, keeps the truth, judges. No party imports it."""
