"""Records that GitHub's REST API shows within others: accounts, repositories, labels; whole, as its contracts say."""

from __future__ import annotations

import hashlib
from typing import Any

Record = dict[str, Any]

API = "https://api.github.com"

# What hangs on a repository's address in the API: name of the field, and what follows the address.
_RESOURCES = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
_ACCOUNT_RESOURCES = {
    "events_url": "/events{/privacy}",
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "organizations_url": "/orgs",
    "received_events_url": "/received_events",
    "repos_url": "/repos",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
}


def user(login: str) -> Record:
    """An account."""
    number = _number(login)
    address = f"{API}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": f"U_{number}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "gravatar_id": "",
        "url": address,
        "html_url": f"https://github.com/{login}",
        **{name: address + path for name, path in _ACCOUNT_RESOURCES.items()},
        "type": "Bot" if login.endswith("[bot]") else "User",
        "site_admin": False,
    }


def label(name: str, api: str) -> Record:
    """A label of the repository at an address of the API."""
    number = _number(name)
    return {
        "id": number,
        "node_id": f"LA_{number}",
        "url": f"{api}/labels/{name}",
        "name": name,
        "color": "d73a4a",
        "default": True,
        "description": None,
    }


def repository(name: str, api: str) -> Record:
    """A repository ``owner/name`` that is shown at an address of the API."""
    owner, _, short = name.partition("/")
    page = f"https://github.com/{name}"
    number = _number(name)
    return {
        "id": number,
        "node_id": f"R_{number}",
        "name": short,
        "full_name": name,
        "owner": user(owner),
        "private": False,
        "visibility": "public",
        "html_url": page,
        "description": None,
        "fork": False,
        "url": api,
        **{field: api + path for field, path in _RESOURCES.items()},
        "git_url": f"git://github.com/{name}.git",
        "ssh_url": f"git@github.com:{name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": "Python",
        "license": None,
        "topics": [],
        "default_branch": "main",
        "created_at": "2024-05-15T15:19:25Z",
        "updated_at": "2026-11-01T08:00:00Z",
        "pushed_at": "2026-11-01T08:00:00Z",
        **dict.fromkeys(("archived", "disabled", "is_template", "has_pages", "web_commit_signoff_required"), False),
        **dict.fromkeys(("allow_forking", "has_issues", "has_projects", "has_downloads", "has_wiki"), True),
        **dict.fromkeys(("has_discussions",), False),
        **dict.fromkeys(("size", "forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0),
        **dict.fromkeys(("open_issues", "open_issues_count"), 0),
    }


def _number(name: str) -> int:
    """An id that is always the same."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:6], 16)
