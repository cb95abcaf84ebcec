"""Plain torch: the translation model, its training loop, its search and its files.

Nothing here imports ray or mlflow; :mod:`jobs` hands in what a run needs of them.
"""
