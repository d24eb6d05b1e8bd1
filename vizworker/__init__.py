"""Watch a model fit as it runs: receive its arrays, draw its figure, send the image home."""

__version__ = "0.1.0"

__all__ = ["__version__"]
