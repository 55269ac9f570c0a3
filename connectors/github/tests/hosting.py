"""What `demo.githubapi` doesn't do: the writes, and the lists of what people and workflows do; after GitHub's examples.

Each request and each answer is judged by GitHub's OpenAPI description, so that neither the connector nor this stand-in
can drift away from it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from connectors.github.tests.described import description
from demo.githubapi import REPOSITORY, GitHubApi, problem
from demo.githubrecords import Record, user
from demo.githubrepository import written

if TYPE_CHECKING:
    from connectors.github.tests.querying import Querying

_R = "/repos/{owner}/{repo}"
AUTHOR = "hub[bot]"
GITHUB = "https://github.com"
ASSET: Record = {
    "id": 1,
    "node_id": "RA_1",
    "url": "https://api.github.com/repos/octo-org/octo-repo/releases/assets/1",
    "browser_download_url": "https://github.com/octo-org/octo-repo/releases/download/v1/hub.tar.gz",
    "name": "hub.tar.gz",
    "label": None,
    "state": "uploaded",
    "content_type": "application/gzip",
    "size": 10,
    "digest": None,
    "download_count": 0,
    "uploader": None,
    "created_at": "2026-11-21T00:00:00Z",
    "updated_at": "2026-11-21T00:00:00Z",
}


class Hosting(GitHubApi):
    """A repository that can be written to.

    Attributes:
        comments, reviews, statuses: by the number or the commit that they belong to.
        dispatched: bodies of all dispatches, by path.
        lost: how many of the next writes are done and then answered 502, as by a proxy that lost patience.
        unlisted: numbers of issues that the search doesn't know yet.
        wrong: what GitHub's description finds wrong with requests and answers.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.comments: dict[int, list[Record]] = defaultdict(list)
        self.review_comments: list[Record] = []
        self.reviews: dict[int, list[Record]] = defaultdict(list)
        self.statuses: dict[str, list[Record]] = defaultdict(list)
        self.runs: list[Record] = []
        self.deployments: list[Record] = []
        self.activity: list[Record] = []
        self.forks: list[Record] = []
        self.stargazers: list[Record] = []
        self.notifications: list[Record] = []
        self.dispatched: list[tuple[str, Any]] = []
        self.lost = 0
        self.unlisted: set[int] = set()
        self.wrong: list[str] = []
        self.poll_interval = 60
        self._made = 1000
        self._judged: set[tuple[str, str, int, bytes]] = set()

    def routes(self, app: web.Application) -> None:
        super().routes(app)
        router = app.router
        for method, path, handler in (
            ("POST", "/issues", self._open_issue),
            ("PATCH", "/issues/{number:\\d+}", self._edit_issue),
            ("GET", "/issues/{number:\\d+}", self._one_issue),
            ("GET", "/issues/comments", self._list_comments),
            ("GET", "/pulls/comments", self._list_review_comments),
            ("POST", "/issues/{number:\\d+}/comments", self._comment),
            ("GET", "/issues/{number:\\d+}/comments", self._comments_of),
            ("PATCH", "/issues/comments/{id:\\d+}", self._edit_comment),
            ("POST", "/pulls/{number:\\d+}/reviews", self._review),
            ("GET", "/pulls/{number:\\d+}/reviews", self._reviews_of),
            ("POST", "/statuses/{sha}", self._set_status),
            ("GET", "/commits/{sha}/statuses", self._statuses_of),
            ("POST", "/dispatches", self._dispatch),
            ("POST", "/actions/workflows/{workflow}/dispatches", self._dispatch),
            ("GET", "/actions/runs", self._list_runs),
            ("GET", "/deployments", self._list_deployments),
            ("GET", "/events", self._list_activity),
            ("GET", "/forks", self._list_forks),
            ("GET", "/stargazers", self._list_stargazers),
            ("GET", "/notifications", self._list_notifications),
            ("GET", "", self._repository),
            ("GET", "/pulls/{number:\\d+}", self._one_pull),
        ):
            router.add_route(method, f"/repos/{{owner}}/{{name}}{path}", handler)
        router.add_get("/search/issues", self._search)
        router.add_post("/graphql", self._query)
        router.add_get("/notifications", self._list_notifications)
        router.add_get("/users/{login}", self._user)

    @cached_property
    def querying(self) -> Querying:
        """Its GraphQL API."""
        from connectors.github.tests.querying import Querying  # noqa: PLC0415  most tests ask no queries

        return Querying()

    async def _query(self, request: web.Request) -> web.Response:
        return await self.querying.answer(request)

    async def judged(self, request: web.Request, answer: web.StreamResponse) -> None:
        """Notes what GitHub's description finds wrong."""
        assert isinstance(answer, web.Response)
        if request.path == "/graphql":
            return  # judged by the schema that it runs on
        path = request.rel_url.raw_path.replace("/repositories/1/", f"/repos/{REPOSITORY}/")
        body = await request.read()
        self.wrong += description().wrong_request(request.method, path, request.query_string, body)
        raw = answer.body if isinstance(answer.body, bytes) else b""
        # The same page is shown again and again: to look at it once is enough.
        shown = request.method, path, answer.status, hashlib.sha256(raw).digest()
        if shown not in self._judged:
            self._judged.add(shown)
            self.wrong += description().wrong_answer(request.method, path, answer.status, raw)

    def made(self, node: str) -> Record:
        """The identity of something new."""
        self._made += 1
        return {"id": self._made, "node_id": f"{node}_{self._made}"}

    @property
    def time(self) -> str:
        """The time of a change that is made now."""
        return written(self._clock())

    # Issues

    async def _open_issue(self, request: web.Request) -> web.Response:
        fields = await request.json()
        shown = self._fields(fields)
        issue = self.repository.open_issue(fields["title"], author=AUTHOR, **shown)
        self.unlisted.add(issue["number"])
        return self.changed(issue, 201)

    async def _edit_issue(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if number not in self.repository.issues:
            return problem(404, "Not Found")
        fields = await request.json()
        shown = self._fields(fields)
        if "title" in fields:
            shown["title"] = fields["title"]
        shown |= {name: fields[name] for name in ("state", "state_reason") if name in fields}
        return self.changed(self.repository.edit(number, **shown))

    def _fields(self, fields: Record) -> Record:
        shown: Record = {"body": fields["body"]} if "body" in fields else {}
        if "labels" in fields:
            shown["labels"] = [{"name": each} for each in fields["labels"]]
        if "assignees" in fields:
            shown["assignees"] = [user(each) for each in fields["assignees"]]
        return shown

    async def _one_issue(self, request: web.Request) -> web.Response:
        issue = self.repository.issues.get(int(request.match_info["number"]))
        return self.changed(issue) if issue else problem(404, "Not Found")

    async def _search(self, request: web.Request) -> web.Response:
        word = request.query["q"].partition(" ")[0]
        issues = self.repository.issues.values()
        found = [each for each in issues if word in (each["body"] or "") and each["number"] not in self.unlisted]
        items = [{**each, "score": 1.0} for each in found]
        answer = {"total_count": len(items), "incomplete_results": False, "search_type": "lexical", "items": items}
        return self.changed(answer)

    # Comments and reviews

    def comment(self, number: int, body: str, author: str = "octocat", **more: Any) -> Record:
        """A new comment on an issue."""
        address = f"{GITHUB}/{REPOSITORY}/issues/{number}"
        record = {
            **description().example("post", f"{_R}/issues/{{issue_number}}/comments", 201),
            **self.made("IC"),
            "html_url": f"{address}#issuecomment-{self._made}",
            "issue_url": f"{self.url}/repos/{REPOSITORY}/issues/{number}",
            "body": body,
            "user": user(author),
            "created_at": self.time,
            "updated_at": self.time,
            **more,
        }
        self.comments[number].append(record)
        return record

    async def _comment(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        return self.changed(self.comment(number, (await request.json())["body"], AUTHOR), 201)

    async def _comments_of(self, request: web.Request) -> web.Response:
        return self._page(request, self.comments[int(request.match_info["number"])])

    async def _edit_comment(self, request: web.Request) -> web.Response:
        for each in (comment for comments in self.comments.values() for comment in comments):
            if each["id"] == int(request.match_info["id"]):
                each.update(body=(await request.json())["body"], updated_at=self.time)
                return self.changed(each)
        return problem(404, "Not Found")

    async def _list_comments(self, request: web.Request) -> web.Response:
        return self._by_change(request, [each for comments in self.comments.values() for each in comments])

    def review_comment(self, number: int, body: str, **more: Any) -> Record:
        """A new comment on a line of a pull request."""
        record = {
            **description().example("get", f"{_R}/pulls/comments")[0],
            **self.made("PRRC"),
            "html_url": f"{GITHUB}/{REPOSITORY}/pull/{number}#discussion_r{self._made}",
            "body": body,
            "created_at": self.time,
            "updated_at": self.time,
            **more,
        }
        self.review_comments.append(record)
        return record

    async def _list_review_comments(self, request: web.Request) -> web.Response:
        return self._by_change(request, self.review_comments)

    def _by_change(self, request: web.Request, records: list[Record]) -> web.Response:
        since = request.query.get("since", "")
        found = [each for each in records if each["updated_at"] >= since]
        assert (request.query["sort"], request.query["direction"]) == ("updated", "asc")
        return self._page(request, sorted(found, key=lambda each: (each["updated_at"], each["id"])))

    async def _review(self, request: web.Request) -> web.Response:
        number, fields = int(request.match_info["number"]), await request.json()
        states = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}
        review = {
            **description().example("post", f"{_R}/pulls/{{pull_number}}/reviews"),
            **self.made("PRR"),
            "user": user(AUTHOR),
            "html_url": f"{GITHUB}/{REPOSITORY}/pull/{number}#pullrequestreview-{self._made}",
            "body": fields.get("body", ""),
            "state": states[fields["event"]],
        }
        self.reviews[number].append(review)
        return self.changed(review)

    async def _reviews_of(self, request: web.Request) -> web.Response:
        return self._page(request, self.reviews[int(request.match_info["number"])])

    # Commits and workflows

    async def _set_status(self, request: web.Request) -> web.Response:
        sha, fields = request.match_info["sha"], await request.json()
        status = {
            **description().example("post", f"{_R}/statuses/{{sha}}", 201),
            **self.made("SC"),
            "description": None,
            "target_url": None,
            "context": "default",
            **fields,
        }
        self.statuses[sha].insert(0, status)
        return self.changed(status, 201)

    async def _statuses_of(self, request: web.Request) -> web.Response:
        return self._page(request, self.statuses[request.match_info["sha"]])

    async def _dispatch(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.dispatched.append((request.path.rpartition(f"{REPOSITORY}/")[2], body))
        if not body.get("return_run_details"):
            return self.changed(None, 204)
        path = f"{_R}/actions/workflows/{{workflow_id}}/dispatches"
        return self.changed(description().example("post", path, 200))

    def run(self, **more: Any) -> Record:
        """A new run of a workflow."""
        record: Record = description().example("get", f"{_R}/actions/runs")["workflow_runs"][0]
        identity = self.made("WFR")
        record |= {
            **identity,
            "html_url": f"{GITHUB}/{REPOSITORY}/actions/runs/{identity['id']}",
            "status": "queued",
            "conclusion": None,
            "created_at": self.time,
            "updated_at": self.time,
            "run_started_at": self.time,
            **more,
        }
        self.runs.insert(0, record)
        return record

    async def _list_runs(self, request: web.Request) -> web.Response:
        low, _, high = request.query.get("created", "..").partition("..")
        found = [
            each
            for each in self.runs
            if (low in ("", "*") or each["created_at"] >= low) and (high in ("", "*") or each["created_at"] <= high)
        ]
        answer = self._page(request, found[:1000])
        assert isinstance(answer.body, bytes)
        listed = orjson.loads(answer.body)
        answer.body = orjson.dumps({"total_count": len(found), "workflow_runs": listed})
        return answer

    def deployment(self, **more: Any) -> Record:
        """A new deployment."""
        record = {
            **description().example("get", f"{_R}/deployments")[0],
            **self.made("DE"),
            "created_at": self.time,
            "updated_at": self.time,
            **more,
        }
        self.deployments.insert(0, record)
        return record

    async def _list_deployments(self, request: web.Request) -> web.Response:
        return self._page(request, self.deployments)

    # What people do

    def happen(self, kind: str = "WatchEvent", **more: Any) -> Record:
        """A new event of the repository."""
        record: Record = description().example("get", f"{_R}/events")[0]
        record |= {"id": str(20_000_000_000 + self.made("E")["id"]), "type": kind, "created_at": self.time, **more}
        self.activity.insert(0, record)
        return record

    async def _list_activity(self, request: web.Request) -> web.Response:
        answer = self._page(request, self.activity[:300])
        answer.headers["X-Poll-Interval"] = str(self.poll_interval)
        return answer

    def fork(self, **more: Any) -> Record:
        """A new fork."""
        record = {
            **description().example("get", f"{_R}/forks")[0],
            **self.made("R"),
            "created_at": self.time,
            "html_url": f"{GITHUB}/fork-{self._made}/octo-repo",
            **more,
        }
        self.forks.insert(0, record)
        return record

    async def _list_forks(self, request: web.Request) -> web.Response:
        assert request.query["sort"] == "newest"
        return self._page(request, self.forks)

    def star(self, login: str) -> Record:
        """A new star."""
        self.stargazers.append({"starred_at": self.time, "user": {**user(login), **self.made("U")}})
        return self.stargazers[-1]

    async def _list_stargazers(self, request: web.Request) -> web.Response:
        assert request.headers["Accept"] == "application/vnd.github.star+json"
        return self._page(request, self.stargazers)

    def notify(self, **more: Any) -> Record:
        """A new notification."""
        record: Record = description().example("get", "/notifications")[0]
        record |= {"id": str(self.made("N")["id"]), "updated_at": self.time, **more}
        self.notifications.insert(0, record)
        return record

    async def _list_notifications(self, request: web.Request) -> web.Response:
        low, high = request.query.get("since", ""), request.query.get("before", "9")
        found = [each for each in self.notifications if low <= each["updated_at"] <= high]
        answer = self._page(request, sorted(found, key=lambda each: str(each["updated_at"]), reverse=True))
        answer.headers["X-Poll-Interval"] = str(self.poll_interval)
        return answer

    async def _user(self, request: web.Request) -> web.Response:
        login = request.match_info["login"]
        if login == "nobody":
            return problem(404, "Not Found")
        record = description().example("get", "/users/{username}")
        return self.changed({**record, **user(login), "user_view_type": "public"})

    async def _one_pull(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if number not in self.repository.pulls:
            return problem(404, "Not Found")
        record = description().example("get", f"{_R}/pulls/{{pull_number}}")
        return self.changed({**record, **self.repository.pulls[number]})

    async def _repository(self, request: web.Request) -> web.Response:
        record = description().example("get", _R)
        # GitHub's example lacks the language, which its description requires.
        source = {**record["source"], "language": None}
        return self.changed({**record, "full_name": REPOSITORY, "language": None, "source": source})

    def changed(self, document: Any, status: int = 200) -> web.Response:
        """An answer; a proxy may lose it."""
        if self.lost and status in (200, 201, 204):
            self.lost -= 1
            return web.Response(status=502, text="<html>Unicorn!</html>", content_type="text/html")
        if document is None:
            return web.Response(status=status)
        return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")


def sha_of(text: str) -> str:
    """A commit's SHA."""
    return hashlib.sha1(text.encode()).hexdigest()
