"""What an error shows of an answer: the API's own words, on one line, without secrets."""

from __future__ import annotations

import pytest
import yarl

from connectors.http.config import HttpConfig
from connectors.http.excerpt import Excerpts

URL = yarl.URL("https://chat.example/api/post")


def excerpt(body: bytes, **config: object) -> str:
    return Excerpts(HttpConfig.model_validate({"url": str(URL), **config})).of(body, "utf-8", URL)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"title":"Forbidden","status":403,"detail":"no permission to post"}', "no permission to post"),
        (b'{"message":"Not Found","documentation_url":"https://x.example"}', "Not Found"),
        (b'{"error":"invalid_grant","error_description":"expired"}', "expired"),
        (b'{"error":{"code":7}}', '{"error":{"code":7}}'),
        (b'["a","list"]', '["a","list"]'),
        (b"<h1>Bad\n  Gateway</h1>", "<h1>Bad Gateway</h1>"),
        (b'{"detail":"cut o', '{"detail":"cut o'),
        (b"", ""),
    ],
)
def test_a_json_answer_is_shown_by_its_message(body, shown):
    """Problem documents and their kin have a field for people; anything else is shown by its beginning."""
    assert excerpt(body) == shown


def test_a_message_that_repeats_a_credential_is_cleaned():
    """The redaction covers what was picked out of the document too."""
    assert excerpt(b'{"detail":"token hush-hush is unknown"}', auth={"bearer": "hush-hush"}) == "token *** is unknown"
