"""A repository as GitHub's REST API shows it: made up, kept in memory, and changing when somebody changes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from demo.githubrecords import Record, label, repository, user

LABELS = ("bug", "enhancement", "documentation", "question")
TITLES = (
    "Consumer stalls after a rebalance",
    "Document the retention settings",
    "Timestamps lose their zone in the export",
    "Dead letters should keep their headers",
    "Typo in the quickstart",
    "Support cursors that are not times",
)
# What a pull request has, and isn't shown where it stands among the issues.
_OF_PULLS = frozenset(
    {"head", "base", "draft", "merged_at", "merge_commit_sha", "auto_merge", "requested_reviewers", "requested_teams"}
    | {"_links", "issue_url", "diff_url", "patch_url", "commits_url", "review_comment_url", "review_comments_url"}
    | {"statuses_url"}
)
AUTHORS = ("octocat", "hubot", "monalisa", "dependabot[bot]")


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def written(time: datetime) -> str:
    """A time as GitHub writes it: in whole seconds."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


class Repository:
    """Issues, pull requests, commits and releases.

    Args:
        name: ``owner/name``
        api: URL of the API that shows it.
        clock: tells the time of changes.
    """

    def __init__(self, name: str, api: str, clock: Callable[[], datetime] = now) -> None:
        self.name = name
        self.api = api
        self._clock = clock
        self._count = 0
        self.issues: dict[int, Record] = {}
        self.pulls: dict[int, Record] = {}
        self.releases: list[Record] = []
        self.commits: dict[str, Record] = {}
        self.branches: dict[str, str] = {}

    @property
    def address(self) -> str:
        """Its web address."""
        return f"https://github.com/{self.name}"

    @property
    def _resource(self) -> str:
        return f"{self.api}/repos/{self.name}"

    def next_number(self) -> int:
        """The number of the next issue or pull request: they share them."""
        return len(self.issues) + len(self.pulls) + 1

    def open_issue(self, title: str, *, at: datetime | None = None, author: str = "octocat", **more: Any) -> Record:
        """A new issue."""
        number = self.next_number()
        resource = f"{self._resource}/issues/{number}"
        self.issues[number] = {
            **self._identity("I"),
            "url": resource,
            "repository_url": self._resource,
            "comments_url": f"{resource}/comments",
            "events_url": f"{resource}/events",
            "labels_url": f"{resource}/labels{{/name}}",
            "html_url": f"{self.address}/issues/{number}",
            **self._item(number, title, at, author),
            "comments": 0,
            "state_reason": None,
            **more,
        }
        return self.issues[number]

    def open_pull(self, title: str, *, at: datetime | None = None, author: str = "octocat", **more: Any) -> Record:
        """A new pull request."""
        number = self.next_number()
        resource = f"{self._resource}/pulls/{number}"
        sha = _sha(title, number)
        links = self._links(number, sha)
        self.pulls[number] = {
            **self._identity("PR"),
            "url": resource,
            "issue_url": f"{self._resource}/issues/{number}",
            "html_url": f"{self.address}/pull/{number}",
            "diff_url": f"{self.address}/pull/{number}.diff",
            "patch_url": f"{self.address}/pull/{number}.patch",
            **{f"{name}_url": links[name]["href"] for name in ("comments", "commits", "review_comment", "statuses")},
            "review_comments_url": links["review_comments"]["href"],
            **self._item(number, title, at, author),
            "draft": False,
            "merged_at": None,
            "merge_commit_sha": None,
            "auto_merge": None,
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self._side(f"patch-{number}", sha),
            "base": self._side("main", _sha("main", 0)),
            "_links": links,
            **more,
        }
        return self.pulls[number]

    def edit(self, number: int, *, at: datetime | None = None, **fields: Any) -> Record:
        """Changes an issue or pull request, which makes it the last changed one."""
        item = self.issues.get(number) or self.pulls[number]
        item.update(fields, updated_at=written(at or self._clock()))
        return item

    def listed_issues(self) -> Iterator[Record]:
        """All issues, pull requests among them, as in GitHub's list of issues."""
        yield from self.issues.values()
        for pull in self.pulls.values():
            shown = {name: each for name, each in pull.items() if name not in _OF_PULLS}
            yield {
                **shown,
                "id": pull["id"] + 10**9,
                "node_id": f"{pull['node_id']}i",
                "url": pull["issue_url"],
                "repository_url": self._resource,
                "events_url": f"{pull['issue_url']}/events",
                "labels_url": f"{pull['issue_url']}/labels{{/name}}",
                "comments": 0,
                "pull_request": {
                    name: pull[name] for name in ("url", "html_url", "diff_url", "patch_url", "merged_at")
                },
            }

    def release(self, tag: str, *, at: datetime | None = None, **more: Any) -> Record:
        """A new release."""
        time = written(at or self._clock())
        identity = self._identity("RE")
        record = {
            **identity,
            "url": f"{self._resource}/releases/{identity['id']}",
            "assets_url": f"{self._resource}/releases/{identity['id']}/assets",
            "upload_url": f"{self._resource}/releases/{identity['id']}/assets{{?name,label}}",
            "tarball_url": f"{self._resource}/tarball/{tag}",
            "zipball_url": f"{self._resource}/zipball/{tag}",
            "html_url": f"{self.address}/releases/tag/{tag}",
            "tag_name": tag,
            "target_commitish": "main",
            "name": tag,
            "body": f"What is new in {tag}",
            "draft": False,
            "prerelease": False,
            "created_at": time,
            "published_at": time,
            "author": user("octocat"),
            "assets": [],
            **more,
        }
        self.releases.insert(0, record)
        return record

    def commit(
        self, message: str, *, branch: str = "main", parents: Iterable[str] | None = None, at: datetime | None = None
    ) -> str:
        """A new commit, on top of the branch unless its parents are given, and the branch's head from now on.

        Returns:
            Its SHA.
        """
        head = self.branches.get(branch)
        parents = ([head] if head else []) if parents is None else list(parents)
        self._count += 1
        sha = _sha(message, self._count)
        signature = {"name": "Octo Cat", "email": "octocat@example.com", "date": written(at or self._clock())}
        self.commits[sha] = {
            "sha": sha,
            "node_id": f"C_{sha[:12]}",
            "url": f"{self._resource}/commits/{sha}",
            "comments_url": f"{self._resource}/commits/{sha}/comments",
            "html_url": f"{self.address}/commit/{sha}",
            "commit": {
                "url": f"{self._resource}/git/commits/{sha}",
                "author": signature,
                "committer": signature,
                "message": message,
                "tree": {"sha": _sha(sha, 0), "url": f"{self._resource}/git/trees/{_sha(sha, 0)}"},
                "comment_count": 0,
            },
            "author": user("octocat"),
            "committer": user("octocat"),
            "parents": [{"sha": each, "url": f"{self._resource}/commits/{each}"} for each in parents],
        }
        self.branches[branch] = sha
        return sha

    def log(self, sha: str) -> list[Record]:
        """The commits that can be reached from one, the newest first, as ``git log`` orders them."""
        found: list[Record] = []
        seen = {sha}
        queue: list[tuple[float, int, str]] = [(0, 0, sha)]
        while queue:
            commit = self.commits[heappop(queue)[2]]
            found.append(commit)
            for parent in (each["sha"] for each in commit["parents"] if each["sha"] in self.commits):
                if parent not in seen:
                    seen.add(parent)
                    date = datetime.fromisoformat(self.commits[parent]["commit"]["committer"]["date"])
                    heappush(queue, (-date.timestamp(), len(seen), parent))
        return found

    def _side(self, branch: str, sha: str) -> Record:
        """The branch that a pull request comes from, or goes to."""
        owner = self.name.partition("/")[0]
        shown = repository(self.name, self._resource)
        return {"label": f"{owner}:{branch}", "ref": branch, "sha": sha, "user": user(owner), "repo": shown}

    def _links(self, number: int, sha: str) -> Record:
        pull, issue = f"{self._resource}/pulls/{number}", f"{self._resource}/issues/{number}"
        addresses = {
            "self": pull,
            "html": f"{self.address}/pull/{number}",
            "issue": issue,
            "comments": f"{issue}/comments",
            "review_comments": f"{pull}/comments",
            "review_comment": f"{self._resource}/pulls/comments{{/number}}",
            "commits": f"{pull}/commits",
            "statuses": f"{self._resource}/statuses/{sha}",
        }
        return {name: {"href": address} for name, address in addresses.items()}

    def _identity(self, prefix: str) -> Record:
        self._count += 1
        return {"id": 1_000_000 + self._count, "node_id": f"{prefix}_kwDO{self._count:08d}"}

    def _item(self, number: int, title: str, at: datetime | None, author: str) -> Record:
        time = written(at or self._clock())
        return {
            "number": number,
            "state": "open",
            "locked": False,
            "title": title,
            "user": user(author),
            "body": f"{title}.\n\nSeen with the version of today, on every machine here.",
            "labels": [label(LABELS[number % len(LABELS)], self._resource)],
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "author_association": "CONTRIBUTOR",
            "created_at": time,
            "updated_at": time,
            "closed_at": None,
        }


def populate(repository: Repository, issues: int, until: datetime) -> None:
    """Issues of the last days, the newest change two minutes ago."""
    for number in range(issues):
        at = until - timedelta(minutes=2) - timedelta(minutes=37) * (issues - 1 - number)
        title = TITLES[number % len(TITLES)]
        issue = repository.open_issue(title, at=at, author=AUTHORS[number % len(AUTHORS)])
        if number % 3 == 0:
            issue.update(state="closed", state_reason="completed", closed_at=issue["updated_at"])


def _sha(text: str, number: int) -> str:
    return hashlib.sha256(f"{text} {number}".encode()).hexdigest()[:40]
