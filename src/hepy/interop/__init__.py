"""Faces of other libraries on hepy's engines: code that was written for them runs with one import changed."""
