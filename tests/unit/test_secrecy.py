"""What is noted as a secret, and how it is hidden wherever it stands."""

import base64
import json

import pytest
from pydantic import BaseModel, SecretStr
from yarl import URL

from hub import secrecy


class Inner(BaseModel):
    token: SecretStr


class Outer(BaseModel):
    name: str = "plain-value"
    url: SecretStr
    inners: list[Inner] = []
    headers: dict[str, SecretStr] = {}
    none: SecretStr | None = None


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    """Other tests' secrets stay theirs."""
    monkeypatch.setattr(secrecy, "_known", {})
    monkeypatch.setattr(secrecy, "_passing", {})


def test_secrets_are_found_wherever_they_are_in_a_configuration():
    """In lists and mappings; of a URL the password, too, and as it is written there."""
    secrecy.note(
        Outer(
            url="amqp://me:pass%2Fword1@host/",
            inners=[Inner(token="token-of-it")],
            headers={"x": SecretStr("header-of-it")},
        )
    )
    for secret in ("amqp://me:pass%2Fword1@host/", "pass%2Fword1", "pass/word1", "token-of-it", "header-of-it"):
        assert secrecy.hidden(f"a {secret} b") == "a *** b"
    assert secrecy.hidden("plain-value") == "plain-value"


@pytest.mark.parametrize(
    "secret", ["simple-secret", " \"quoted\\ü+/&=~'", "a(b)c!d*e,f;g$h:i@j?k", "line one\nline two"]
)
def test_a_secret_is_hidden_in_every_form(secret):
    """As it is, in URLs as our HTTP client writes them, in JSON, in a repr, in base64."""
    secrecy.note(SecretStr(secret))
    for written in (
        secret,
        URL.build(path="/", query={"k": secret}).raw_query_string[2:],
        json.dumps({"k": secret}),
        json.dumps({"k": secret}, ensure_ascii=False),
        repr({"k": secret}),
        base64.b64encode(secret.encode()).decode(),
    ):
        text = secrecy.hidden(f"<{written}>")
        assert "***" in text
        assert not any(part in text for part in secret.split() if len(part) > 3)


def test_the_lines_of_a_key_are_secrets():
    """An error may quote one of them."""
    secrecy.note(SecretStr("-----BEGIN KEY-----\nMIIEvgIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n"))
    assert secrecy.hidden("bad line BgkqhkiG9w0B of -----BEGIN KEY-----") == "bad line *** of -----BEGIN KEY-----"


def test_short_words_stay_and_what_is_known_is_bounded(monkeypatch):
    """A password such as `guest` would blot out what means something else; reloads can't fill the memory."""
    secrecy.note([SecretStr("guest"), SecretStr(""), "no secret at all", 5, None])
    assert secrecy.hidden("guest no secret at all") == "guest no secret at all"
    monkeypatch.setattr(secrecy, "MOST", 20)
    for number in range(50):
        secrecy.note(SecretStr(f"secret-{number}"))
    assert len(secrecy._known) <= 20
    assert secrecy.hidden("secret-49") == "***"


def test_tokens_that_pass_drive_out_no_password(monkeypatch):
    """Not even after years of renewals; nor does what is noted again go before what isn't any more."""
    monkeypatch.setattr(secrecy, "MOST", 20)
    monkeypatch.setattr(secrecy, "MOST_PASSING", 20)
    secrecy.note(SecretStr("the-password"))
    for number in range(50):
        secrecy.note(SecretStr(f"token-{number}"), passing=True)
        secrecy.note([SecretStr(f"secret-{number}"), SecretStr("the-password")])
    assert len(secrecy._passing) <= 20
    assert secrecy.hidden("the-password token-49 secret-49") == "*** *** ***"
