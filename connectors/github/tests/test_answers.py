"""How GitHub's answers are read, in the forms in which GitHub sends them."""

from datetime import UTC, datetime, timedelta

import pytest

from connectors.github.answers import Page, after, explained, place
from hub.sdk import Permanent, Response, Transient

LIST = "https://api.github.com/repositories/1000/issues"
DATE = "Sat, 21 Nov 2026 12:00:00 GMT"


def page(link: str = "", body: bytes = b"[]", status: int = 200, **headers: str) -> Page:
    return Page.of(Response(status, {"link": link, "date": DATE, **headers}, body, "https://api.github.com/x"))


@pytest.mark.parametrize(
    ("link", "following", "last"),
    [
        ("", None, None),
        (
            f'<{LIST}?per_page=3&page=2>; rel="next", <{LIST}?per_page=3&page=5>; rel="last"',
            "per_page=3&page=2",
            5,
        ),
        (
            f'<{LIST}?per_page=3&page=4>; rel="prev", <{LIST}?per_page=3&page=1>; rel="first"',
            None,
            None,
        ),
        (
            f'<{LIST}?state=all&after=Y3Vyc29yOnYyOpLP%3D&per_page=100>; rel="next"',
            "state=all&after=Y3Vyc29yOnYyOpLP%3D&per_page=100",
            None,
        ),
        ("nonsense", None, None),
    ],
)
def test_links_name_the_next_and_the_last_page(link: str, following: str | None, last: int | None) -> None:
    """By page or by a cursor, below the repository's number, as GitHub does."""
    assert (page(link).following, page(link).last) == (following, last)


def test_an_unchanged_page_has_no_document_and_an_empty_one_has() -> None:
    """304 and ``null`` are not the same."""
    assert page(status=304, body=b"").unchanged
    assert not page(body=b"null").unchanged
    with pytest.raises(Permanent):
        page(body=b"null").records()


def test_what_is_no_json_may_be_some_another_time() -> None:
    """Error pages of proxies come with status 200 too."""
    with pytest.raises(Transient):
        page(body=b"<html>")


def test_rest_is_measured_by_githubs_clock() -> None:
    """Ours counts only where GitHub's is missing."""
    assert page().settled(timedelta(seconds=5)) == "2026-11-21T11:59:55Z"
    assert abs(page(date="").answered - datetime.now(UTC)) < timedelta(minutes=1)
    assert abs(page(date="nonsense").answered - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_second_after_is_written_as_github_writes_times() -> None:
    """Over the end of a year too."""
    assert after("2026-12-31T23:59:59Z") == "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://github.com/a/b/pull/12", {"source": "https://github.com/a/b", "subject": "pull/12"}),
        ("https://ghe.example/a/issues/issues/3", {"source": "https://ghe.example/a/issues", "subject": "issues/3"}),
        (
            "https://github.com/a/b/releases/tag/x/y",
            {"source": "https://github.com/a/b", "subject": "releases/tag/x/y"},
        ),
        ("https://github.com/a/b", {}),
        ("", {}),
        (None, {}),
    ],
)
def test_source_and_subject_are_the_two_parts_of_a_web_address(address: str | None, found: dict[str, str]) -> None:
    """That of the repository, and what is below it."""
    assert place({"html_url": address}) == found


def test_a_refusal_that_nobody_can_explain_stays_as_it_is() -> None:
    """With its own words."""
    refusal = Permanent("github: GET /x answered 451: gone for legal reasons", status=451)
    assert explained(refusal, "a/b") is refusal
