"""The jobs a user starts, and the only place that knows Ray Train, MLflow and the command line."""
