"""The version of this package, said once: setuptools reads it here too."""

__version__ = "0.1.0"
