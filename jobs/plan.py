"""``anuvad plan``: every stage, whether it would run, and why; nothing is run."""

from jobs.cli import run

if __name__ == "__main__":
    run("plan")
