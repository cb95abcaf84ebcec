"""What an evaluation leaves where a version's readers look: its run, and the tags on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from jobs.evaluation_tasks import HYPOTHESES, OUTPUTS, REFERENCES, SCORES
from model.config import DecodeConfig

if TYPE_CHECKING:
    from jobs.evaluate import ScoredTest
    from jobs.registry import Registry, Version


def record(
    registry: Registry,
    version: Version,
    tests: Mapping[str, ScoredTest],
    decode: DecodeConfig,
) -> None:
    """Write metrics, outputs and tags where the version's readers look for them, once."""
    # The version in hand may have been read before an evaluation of a moment ago.
    standing = registry.resolve(version.uri).tags
    for test, result in tests.items():
        key = f"anuvad.evaluation.{test}"
        if standing.get(key) == result.artifact.id:
            continue
        metrics = {
            f"{test}/{name.replace('++', 'pp')}": score.score
            for name, score in result.scores.items()
        }
        registry.log_metrics(version, metrics)
        for name in (OUTPUTS, REFERENCES, HYPOTHESES, SCORES):
            registry.log_file(version, result.artifact.local(name), f"evaluation/{test}")
        tags = {
            f"anuvad.decode.{test}": decode.model_dump_json(),
            f"anuvad.test_set.{test}": result.test_hash,
            **{
                f"anuvad.{test}.{name.replace('++', 'pp')}": (
                    f"{s.score:.2f} [{s.low:.2f}, {s.high:.2f}] {s.signature}"
                )
                for name, s in result.scores.items()
            },
        }
        # Its own id comes last: where it stands, all of it stands.
        registry.set_tags(version, {**tags, key: result.artifact.id})
