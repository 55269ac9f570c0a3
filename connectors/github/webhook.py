"""GitHub's webhook deliveries: verified by their signature, forwarded byte for byte."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from connectors.github.config import DeliveriesConfig
from connectors.github.event_types import OTHER, SUBJECT_OF, TYPE_OF, WEBHOOK_EVENTS
from hub.sdk import Event, InvalidPayload, UnitContext, WebhookRequest, WebhookSource
from hub.sdk.event import NOT_PARSED
from hub.sdk.strictjson import parse

_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}\Z")
_EVENT_NAME = re.compile(r"[a-z0-9_]{1,100}\Z")
_DELIVERY = re.compile(r"[\x21-\x7e]{1,200}\Z")

# Where a delivery came from, from the narrowest to the widest; 12 kinds of events have no repository.
_ADDRESSES = (
    ("repository", "html_url"),
    ("organization", "url"),
    ("enterprise", "html_url"),
    ("installation", "html_url"),
    ("sender", "html_url"),
)
_NOWHERE = "https://github.com"


class Deliveries(WebhookSource[DeliveriesConfig]):
    """Turns each delivery into one event of the type ``github.<X-GitHub-Event>``, whose id is ``X-GitHub-Delivery``.

    The time is that of the receipt, as GitHub sends none: a payload's own times tell of its objects, not of the event.
    """

    events = WEBHOOK_EVENTS
    partition_key = (
        "repository.full_name",
        "organization.login",
        "enterprise.slug",
        "installation.id",
        "sender.login",
        "security_advisory.ghsa_id",
    )

    def __init__(self, config: DeliveriesConfig, context: UnitContext) -> None:
        super().__init__(config, context)
        secrets = (config.secret, config.previous_secret)
        self._secrets = [secret.get_secret_value().encode() for secret in secrets if secret is not None]

    @property
    def far_side(self) -> str:
        """GitHub comes to us."""
        return "GitHub webhooks"

    def receive(self, request: WebhookRequest) -> Sequence[Event]:
        """One event for a delivery.

        Raises:
            WebhookRejected: 401 for its signature; 400 or 415 for what GitHub would never send.
        """
        headers = request.headers
        self._verify(headers.get("x-hub-signature-256"), request.body)
        name = headers.get("x-github-event", "")
        if not _EVENT_NAME.match(name):
            raise self._malformed("event_malformed" if name else "event_missing", "X-GitHub-Event, a name", name)
        delivery = headers.get("x-github-delivery", "")
        if not _DELIVERY.match(delivery):
            raise self._malformed(
                "delivery_malformed" if delivery else "delivery_missing", "X-GitHub-Delivery", delivery
            )
        raw = self._json(headers.get("content-type", ""), request.body)
        try:
            data = parse(raw)
        except InvalidPayload:
            # It was signed, so it is GitHub's, who won't send it again: the engine keeps it among the dead letters.
            data = NOT_PARSED
        payload = data if isinstance(data, dict) else {}

        source = _source(payload)
        attributes = {
            "id": delivery,
            "source": source,
            "type": TYPE_OF.get(name, OTHER),
            "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "datacontenttype": _JSON,
        }
        if name not in TYPE_OF:
            attributes["githubevent"] = name
        if subject := _subject(name, payload, source):
            attributes["subject"] = subject
        if (key := self._key(attributes["type"], payload)) and key.isprintable():
            attributes["partitionkey"] = key
        # All attributes are known to be valid here, and checking them again would cost as much as the signature.
        return [Event.of(attributes, raw, data=data)]

    def _verify(self, signature: str | None, body: bytes) -> None:
        """Compares in constant time; what is wrong with a signature is looked into only after it didn't match.

        Raises:
            WebhookRejected: 401
        """
        if signature is None:
            raise self.rejected(
                401, "signature_missing", "expected the header X-Hub-Signature-256; does the webhook have a secret?"
            )
        if signature.isascii():
            for secret in self._secrets:
                if hmac.compare_digest("sha256=" + hmac.digest(secret, body, "sha256").hex(), signature):
                    return
        if not _SIGNATURE.match(signature):
            raise self.rejected(
                401, "signature_malformed", "expected X-Hub-Signature-256: sha256= and 64 hexadecimal digits"
            )
        raise self.rejected(
            401,
            "signature_mismatch",
            "the body was not signed with this webhook's secret, or it was changed on its way",
        )

    def _json(self, content_type: str, body: bytes) -> bytes:
        """The payload's bytes, of either content type that GitHub offers."""
        if content_type == _JSON:
            return body
        media = content_type.partition(";")[0].strip().lower()
        if media == _JSON:
            return body
        if media != _FORM:
            raise self.rejected(
                415, "content_type_unsupported", f"expected {_JSON} or {_FORM}; got {content_type[:100]!r}"
            )
        try:
            values = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=10)
        except ValueError:
            values = {}
        if len(values.get("payload", ())) != 1:
            raise self.rejected(400, "form_malformed", f"expected {_FORM} with one field named payload")
        return values["payload"][0].encode()

    def _malformed(self, code: str, expected: str, value: str) -> Exception:
        return self.rejected(400, code, f"expected the header {expected}; got {value[:100]!r}")


def _source(payload: Mapping[str, Any]) -> str:
    """Address of what the delivery is of: its repository, or what else it is sent for."""
    for name, field in _ADDRESSES:
        each = payload.get(name)
        if each.__class__ is dict:
            address = each.get(field)
            if isinstance(address, str) and address and address.isprintable() and " " not in address:
                return address
    return _NOWHERE


def _subject(name: str, payload: Mapping[str, Any], source: str) -> str | None:
    """What the event is about, within its source: ``pull/12``, ``issues/3``, ``refs/heads/main``."""
    if about := SUBJECT_OF.get(name):
        each = payload.get(about)
        address = each.get("html_url") if isinstance(each, dict) else None
        subject = address[len(source) + 1 :] if isinstance(address, str) and address.startswith(source + "/") else None
    else:
        subject = payload.get("ref")
    return subject if isinstance(subject, str) and subject and subject.isprintable() else None
