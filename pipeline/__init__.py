"""Text in, token arrays out.

The stages of the data pipeline, from corpus files to memory-mapped token arrays. Nothing here
imports torch or mlflow, and only :mod:`pipeline.runner` imports ray.
"""

import os

# Usage data is the user's to send. huggingface_hub reads this as it is imported, and would ask its
# hub which agents there are before the first request, to tell it which of them this is.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
