"""The nouns: what things are."""
