"""Writes ``schemas/github`` anew: ``python -m connectors.github.contracts [--check]``."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from connectors.github.contracts.events import found_things, polled_events, webhook_events
from connectors.github.contracts.layout import laid_out
from connectors.github.contracts.openapi import Description
from connectors.github.contracts.payloads import Corrections
from connectors.github.contracts.replies import reply_events
from connectors.github.contracts.schema import schema_of
from hub.sdk import EnvironmentProblem
from hub.testing.octokit import openapi, webhook_payloads

SCHEMAS = Path(__file__).parents[3] / "schemas"
_POLLED = {
    "comment": "A comment on an issue or a pull request as it was after a change, by polling",
    "deployment_changed": "A deployment as it was when it was found or changed, by polling",
    "forked": "A fork of a repository, by polling",
    "notification": "A notification as it was after a change, by polling",
    "repository_event": "What happened in a repository, by polling",
    "review_comment": "A comment on a line of a pull request as it was after a change, by polling",
    "run": "A run of a workflow as it was when it was found or changed, by polling",
    "starred": "A star of a repository, by polling",
    "commit": "A commit that has become part of a branch, by polling",
    "issue": "An issue as it was after a change, by polling",
    "pull": "A pull request as it was after a change, by polling",
    "release_changed": "A release as it was when it was found or changed, by polling",
}
_FOUND = {
    "user": "An account, as a look-up finds it",
    "whole_pull": "A pull request, as a look-up finds it",
    "whole_repository": "A repository, as a look-up finds it",
}


def derived(made: Corrections) -> dict[str, str]:
    """Text of each file by its path below ``schemas/``."""
    description = Description(openapi())
    webhooks = webhook_events(description, webhook_payloads(), made)
    trees = {
        **{name: (f"GitHub's webhook event {name}", each) for name, each in webhooks.items()},
        **{name: (_POLLED[name], each) for name, each in polled_events(description).items()},
        **reply_events(description),
        **{name: (_FOUND[name], each) for name, each in found_things(description).items()},
    }
    return {
        f"github/{name}/v1.json": laid_out(schema_of(root, identity=f"urn:hub:github:{name}:v1", title=title))
        for name, (title, root) in sorted(trees.items())
    }


def main() -> int:
    """Writes or checks; 1 if a file is not as it should be, 3 if GitHub's description can't be had."""
    parser = argparse.ArgumentParser(prog="python -m connectors.github.contracts", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a file would change")
    check = parser.parse_args().check
    made: Corrections = Counter()
    try:
        files = derived(made)
    except EnvironmentProblem as problem:
        sys.stderr.write(f"{problem}\n")
        return 3
    changed = [path for path, text in files.items() if not _is(SCHEMAS / path, text)]
    for path in () if check else changed:
        (SCHEMAS / path).parent.mkdir(parents=True, exist_ok=True)
        (SCHEMAS / path).write_text(files[path])
    corrections = ", ".join(f"{count} x {what}" for what, count in sorted(made.items()) if count)
    sys.stdout.write(f"{len(files)} event types; the payloads corrected {corrections}\n")
    sys.stdout.writelines(f"{'would change' if check else 'wrote'} schemas/{path}\n" for path in changed)
    return int(check and bool(changed))


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
