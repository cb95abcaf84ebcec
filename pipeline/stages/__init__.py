"""The graph of the data stages.

    corpus ──▶ clean ──▶ dedup ──▶ tokenizer ──▶ tensorize
      └────────────────────▲└───────────────────────▲

reads   the configuration's data sections
writes  one artifact a stage, by tasks of which each makes one part of it
holds   a stage whose manifest stands is not run again; a stage that was interrupted runs only the
        tasks that had not ended
"""

from pipeline.stages.graph import plan, plan_of, prepare, specs
from pipeline.stages.stage import (
    DataConfig,
    StagePlan,
    StageReporter,
    StageResult,
    clean_shards,
)
from pipeline.stages.tensorize import sampled_token_arrays, token_arrays, tokenizer_fact

__all__ = [
    "DataConfig",
    "StagePlan",
    "StageReporter",
    "StageResult",
    "clean_shards",
    "plan",
    "plan_of",
    "prepare",
    "sampled_token_arrays",
    "specs",
    "token_arrays",
    "tokenizer_fact",
]
