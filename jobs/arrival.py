"""What runs first of code that was shipped to a cluster: is all that it needs there?

reads   ``shipped.json``, and what the node has installed
writes  nothing; then ``anuvad`` runs as if it had been called here

Only the standard library and ``packaging``, which Ray needs too, are imported before the answer.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from pipeline.errors import ConfigError


def require_environment(shipped: Path) -> None:
    """Refuse a node whose Python or packages the code was not made for.

    Args:
        shipped: the file ``shipped.json``.

    Raises:
        ConfigError: naming what is missing or another.
    """
    wanted = json.loads(shipped.read_bytes())["python"]
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if here != wanted:
        raise ConfigError(
            f"the cluster must have Python {wanted}, as the machine that submitted the job has, "
            f"but its head has {here} ({sys.executable}): use the image or the environment that "
            f"anuvad is installed in there"
        )
    if wrong := wrong_packages():
        raise ConfigError(
            f"the nodes of the cluster must have the packages that anuvad needs, but "
            f"{sys.executable} has {'; '.join(wrong)}: use an image with anuvad's requirements"
        )


def wrong_packages() -> list[str]:
    """Of what anuvad requires, without its extras, what is missing or of another version."""
    from packaging.requirements import Requirement

    wrong = []
    for line in requires("anuvad") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"no {requirement.name}")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} {found}, not {requirement.specifier}")
    return wrong


def main() -> None:
    """``python -m jobs.arrival COMMAND CONFIG …``, in the folder that was shipped."""
    from jobs.versions import SHIPPED

    try:
        require_environment(Path(SHIPPED))
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)
    from jobs.cli import run

    run()


if __name__ == "__main__":
    main()
