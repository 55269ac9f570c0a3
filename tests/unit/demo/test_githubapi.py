"""The demo's own GitHub API: as GitHub documents its own, as far as polling needs it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest_asyncio

from demo.githubapi import REPOSITORY, GitHubApi


@pytest_asyncio.fixture
async def api() -> AsyncIterator[GitHubApi]:
    api = GitHubApi(issues=60)
    await api.start()
    yield api
    await api.stop()


async def get(api: GitHubApi, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, object]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{api.url}/repos/{REPOSITORY}/{path}", headers=headers) as response,
    ):
        return response, await response.json(content_type=None)


async def test_pages_are_linked(api: GitHubApi) -> None:
    """To the next and last, and back."""
    first, records = await get(api, "issues?state=all&per_page=25")
    assert isinstance(records, list)
    assert len(records) == 25
    assert str(first.links["next"]["url"]) == f"{api.url}/repos/{REPOSITORY}/issues?state=all&per_page=25&page=2"
    assert first.links["last"]["url"].query["page"] == "3"
    last, records = await get(api, "issues?state=all&per_page=25&page=3")
    assert isinstance(records, list)
    assert len(records) == 10
    assert set(last.links) == {"prev", "first"}


async def test_what_has_not_changed_is_answered_304_and_costs_nothing(api: GitHubApi) -> None:
    """Until it changes."""
    path = "issues?state=all&sort=updated"
    answer, _ = await get(api, path)
    remaining = api.remaining
    again, _ = await get(api, path, **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status, api.remaining) == (304, remaining)
    api.change(1)
    changed, _ = await get(api, path, **{"If-None-Match": answer.headers["ETag"]})
    assert (changed.status, api.remaining) == (200, remaining - 1)


async def test_changes_are_the_newest_and_found_by_since(api: GitHubApi) -> None:
    """Opened, edited and closed ones; the second after them is where a reader then stands."""
    before = api.newest
    api.change(6)
    assert api.newest > before
    _, records = await get(api, f"issues?state=all&sort=updated&direction=asc&since={before}")
    assert isinstance(records, list)
    assert 4 <= len(records) <= 6
    assert max(record["updated_at"] for record in records) < api.newest
    assert [record["updated_at"] for record in records] == sorted(record["updated_at"] for record in records)


async def test_a_used_up_limit_is_refused_and_says_until_when(api: GitHubApi) -> None:
    """As GitHub does, with 403."""
    await get(api, "issues")
    api.remaining = 0
    answer, document = await get(api, "issues")
    assert answer.status == 403
    assert isinstance(document, dict)
    assert "rate limit" in document["message"]
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert 3000 < int(answer.headers["X-RateLimit-Reset"]) - datetime.now(UTC).timestamp() < 3700


async def test_what_is_not_there_is_not_found(api: GitHubApi) -> None:
    """Other repositories and other lists."""
    assert (await get(api, "stargazers"))[0].status == 404
    assert (await get(api, "../other/issues"))[0].status == 404
