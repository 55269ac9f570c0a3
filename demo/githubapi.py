"""A small HTTP API that behaves as GitHub's does, for where GitHub can't be reached: demo and test machinery.

It lists issues, pull requests, commits and releases of one repository with ``since``, ``Link`` pagination, ETag and
304, and the headers of a rate limit, by GitHub's documentation. It is not GitHub, and knows nothing else of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import orjson
from aiohttp import web

from demo.githubrecords import Record
from demo.githubrepository import Repository, now, populate, written

REPOSITORY = "octo-org/octo-repo"
_PAGE, _LARGEST_PAGE = 30, 100
_HOUR = 3600


class GitHubApi:
    """The API of one repository.

    Args:
        issues: how many it has at first.
        host: address to listen on.
        port: port; a free one for 0.
        repository: its name.
        clock: tells the time.

    Attributes:
        url: base URL, once started.
        repository: what it shows; change it at any time.
        former_names: names that the repository had; they are redirected.
        remaining: requests left until the rate limit is used up.
        interceptor: if set, sees each request first, and may give the answer or change the repository.
        asked: path and query of all requests so far, with the status that they were answered with.
    """

    def __init__(
        self,
        *,
        issues: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        repository: str = REPOSITORY,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._host, self._port = host, port
        self._clock = clock
        self.url = f"http://{host}:{port}"
        self.repository = Repository(repository, self.url, clock)
        self.former_names: set[str] = set()
        self.limit = self.remaining = 5000
        self.reset = 0.0
        self.interceptor: Callable[[web.Request], web.Response | None] | None = None
        self.asked: list[tuple[str, int]] = []
        self._changes = 0
        self._issues = issues
        self._runner: web.AppRunner | None = None

    @property
    def newest(self) -> str:
        """The first second without a change to an issue: where a source that has read all of them stands."""
        last = max((issue["updated_at"] for issue in self.repository.listed_issues()), default=written(self._clock()))
        return written(datetime.fromtimestamp(datetime.fromisoformat(last).timestamp() + 1, tz=self._clock().tzinfo))

    async def start(self) -> None:
        """Listens, and fills the repository the first time."""
        app = web.Application(middlewares=[self._answer])
        self.routes(app)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = self.repository.api = f"http://{self._host}:{self._port}"
        populate(self.repository, self._issues, self._clock())
        self._issues = 0

    def routes(self, app: web.Application) -> None:
        """Adds what it answers to."""
        app.router.add_get("/repos/{owner}/{name}/issues", self._list_issues)
        app.router.add_get("/repos/{owner}/{name}/pulls", self._list_pulls)
        app.router.add_get("/repos/{owner}/{name}/releases", self._list_releases)
        app.router.add_get("/repos/{owner}/{name}/commits", self._list_commits)
        app.router.add_get("/repos/{owner}/{name}/commits/{sha}", self._one_commit)
        app.router.add_get("/repos/{owner}/{name}/compare/{base}...{head}", self._compare)
        app.router.add_get("/repositories/1/{list}", self._moved_here)

    async def judged(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Sees each answer before it goes; to be replaced by whoever has something to say about it."""

    async def stop(self) -> None:
        """Ends."""
        if self._runner is not None:
            await self._runner.cleanup()

    def change(self, count: int) -> None:
        """Changes as many issues: opens new ones, closes some, edits others."""
        for _ in range(count):
            self._changes += 1
            numbers = list(self.repository.issues)
            number = numbers[(self._changes * 7) % len(numbers)] if numbers else 0
            if not numbers or self._changes % 3 == 1:
                self.repository.open_issue(f"Opened while you watched, the {self._changes}. change", author="monalisa")
            elif self._changes % 3 == 0:
                self.repository.edit(number, state="closed", closed_at=written(self._clock()))
            else:
                self.repository.edit(number, comments=self.repository.issues[number]["comments"] + 1)

    @web.middleware
    async def _answer(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Rate limit, ETag and the answer's headers, around the handlers of the lists."""
        answer = self.interceptor(request) if self.interceptor else None
        if answer is None:
            try:
                answer = self._limited() or self._moved(request) or await handler(request)
            except web.HTTPNotFound:
                answer = problem(404, "Not Found")
            await self.judged(request, answer)
        if request.method != "GET":
            self.remaining -= 1
        elif answer.status == 200 and answer.text is not None:  # noqa: PLR2004  a status
            answer.headers["ETag"] = etag = f'W/"{hashlib.sha256(answer.text.encode()).hexdigest()}"'
            if etag in request.headers.get("If-None-Match", ""):
                answer = web.Response(status=304, headers={"ETag": etag})
            else:
                self.remaining -= 1
        self.asked.append((request.path_qs, answer.status))
        for name, each in self._limits().items():
            answer.headers.setdefault(name, each)
        answer.headers["Date"] = format_datetime(self._clock(), usegmt=True)
        return answer

    def _limited(self) -> web.Response | None:
        if self._clock().timestamp() >= self.reset:
            self.remaining, self.reset = self.limit if self.reset else self.remaining, self._clock().timestamp() + _HOUR
        return None if self.remaining > 0 else problem(403, "API rate limit exceeded for 127.0.0.1.")

    def _limits(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Used": str(self.limit - self.remaining),
            "X-RateLimit-Reset": str(int(self.reset)),
            "X-RateLimit-Resource": "core",
        }

    def _moved(self, request: web.Request) -> web.Response | None:
        """GitHub redirects a repository's former name to its number."""
        name = "{owner}/{name}".format_map(request.match_info) if "owner" in request.match_info else None
        if name in self.former_names:
            rest = request.rel_url.raw_path.split("/", 4)[4]
            location = f"{request.url.origin()}/repositories/1/{rest}?{request.rel_url.raw_query_string}"
            return web.json_response(
                {"message": "Moved Permanently", "url": location}, status=301, headers={"Location": location}
            )
        if name is not None and name.lower() != self.repository.name.lower():
            return problem(404, "Not Found")
        return None

    async def _moved_here(self, request: web.Request) -> web.Response:
        lists = {
            "issues": self._list_issues,
            "pulls": self._list_pulls,
            "releases": self._list_releases,
            "commits": self._list_commits,
        }
        handler = lists.get(request.match_info["list"])
        return await handler(request) if handler else problem(404, "Not Found")

    async def _list_issues(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "")
        records = [each for each in self.repository.listed_issues() if each["updated_at"] >= since]
        return self._page(request, _sorted(request, records))

    async def _list_pulls(self, request: web.Request) -> web.Response:
        return self._page(request, _sorted(request, self.repository.pulls.values()))

    async def _list_releases(self, request: web.Request) -> web.Response:
        return self._page(request, self.repository.releases)

    async def _list_commits(self, request: web.Request) -> web.Response:
        if not self.repository.branches:
            return problem(409, "Git Repository is empty.")
        sha = self._resolved(request.query.get("sha", "HEAD"))
        if sha is None:
            return problem(404, "Not Found")
        since = request.query.get("since", "")
        log = [each for each in self.repository.log(sha) if each["commit"]["committer"]["date"] >= since]
        return self._page(request, log)

    async def _one_commit(self, request: web.Request) -> web.Response:
        sha = self._resolved(request.match_info["sha"])
        if sha is None:
            return problem(422, f"No commit found for SHA: {request.match_info['sha']}")
        return web.Response(body=orjson.dumps(self.repository.commits[sha]), content_type="application/json")

    async def _compare(self, request: web.Request) -> web.Response:
        base, head = (self._resolved(request.match_info[name]) for name in ("base", "head"))
        if base is None or head is None:
            return problem(404, "Not Found")
        ours, theirs = self.repository.log(head), {each["sha"] for each in self.repository.log(base)}
        if theirs.isdisjoint(each["sha"] for each in ours):
            return problem(404, f"No common ancestor between {base} and {head}.")
        ahead = [each for each in reversed(ours) if each["sha"] not in theirs]
        number, size = _page_asked(request)
        known = {each["sha"] for each in ours}
        shared = next(each for each in self.repository.log(base) if each["sha"] in known)
        address = f"{self.repository.address}/compare/{request.match_info['base']}...{request.match_info['head']}"
        document = {
            "url": f"{request.url.origin()}{request.path}",
            "html_url": address,
            "permalink_url": address,
            "diff_url": f"{address}.diff",
            "patch_url": f"{address}.patch",
            "base_commit": self.repository.commits[base],
            "merge_base_commit": shared,
            "status": "ahead" if ahead else "identical",
            "ahead_by": len(ahead),
            "behind_by": sum(each["sha"] not in known for each in self.repository.log(base)),
            "total_commits": len(ahead),
            "commits": ahead[(number - 1) * size : number * size],
        }
        return web.Response(body=orjson.dumps(document), content_type="application/json")

    def _resolved(self, name: str) -> str | None:
        repository = self.repository
        sha = repository.branches.get("main" if name == "HEAD" else name, name)
        return sha if sha in repository.commits else None

    def _page(self, request: web.Request, records: Sequence[Record]) -> web.Response:
        number, size = _page_asked(request)
        last = max(-(-len(records) // size), 1)
        links = {"prev": number - 1, "next": number + 1, "last": last, "first": 1}
        if number == 1:
            del links["prev"], links["first"]
        if number >= last:
            del links["next"], links["last"]
        address = f"{request.url.origin()}{request.rel_url.raw_path}"
        written_links = [
            f'<{address}?{request.rel_url.update_query(page=str(page)).raw_query_string}>; rel="{relation}"'
            for relation, page in links.items()
        ]
        return web.Response(
            body=orjson.dumps(records[(number - 1) * size : number * size]),
            content_type="application/json",
            headers={"Link": ", ".join(written_links)} if written_links else {},
        )


def problem(status: int, message: str) -> web.Response:
    """A refusal as GitHub words it."""
    document = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return web.json_response(document, status=status)


def _page_asked(request: web.Request) -> tuple[int, int]:
    number, size = request.query.get("page", "1"), request.query.get("per_page", str(_PAGE))
    return max(int(number), 1), min(max(int(size), 1), _LARGEST_PAGE)


def _sorted(request: web.Request, records: Iterable[Record]) -> list[Record]:
    field = {"updated": "updated_at"}.get(request.query.get("sort", "created"), "created_at")
    chosen = request.query.get("state", "open")
    found = [each for each in records if chosen in ("all", each["state"])]
    return sorted(
        found, key=lambda each: (each[field], each["id"]), reverse=request.query.get("direction", "desc") == "desc"
    )
