"""Text in, token arrays out.

The stages of the data pipeline, from corpus files to memory-mapped token arrays. Nothing here
imports torch or mlflow, and only :mod:`pipeline.runner` imports ray.
"""
