"""The room of learn: what happened → habits of this researcher, with evidence."""

from labhand.learn.learning import forget, learn

__all__ = ["forget", "learn"]
