"""A webhook source that keeps to everything; tests break one thing in it at a time."""

import hashlib
import hmac
import uuid

import orjson
from pydantic import Field, SecretStr

from hub.sdk import InvalidPayload, WebhookConfig, WebhookRejected, WebhookSource
from hub.sdk.strictjson import parse

SECRET = "canary of a webhook"


class HookConfig(WebhookConfig):
    secret: SecretStr = Field(min_length=1)


class Hook(WebhookSource[HookConfig]):
    """Signed deliveries."""

    events = {"sample.called": None}

    def receive(self, request):
        self.verify(request)
        delivery = request.headers.get("x-delivery", "")
        if not delivery.isascii() or not delivery.isprintable() or not 0 < len(delivery) <= 100:
            raise self.rejected(400, "delivery_malformed", "expected the header X-Delivery")
        return [self.event("sample.called", request.body, id=self.identity(request), partitionkey="all")]

    def verify(self, request):
        given = request.headers.get("x-signature", "")
        expected = hmac.new(self.config.secret.get_secret_value().encode(), request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise self.rejected(401, "signature_mismatch", "the body was not signed with the webhook's secret")

    def identity(self, request):
        return request.headers["x-delivery"]


class TakesForgedOnes(Hook):
    def verify(self, request):
        if request.headers.get("x-signature"):
            super().verify(request)


class TakesTheBeginningOfASignature(Hook):
    def verify(self, request):
        given = request.headers.get("x-signature", "")
        expected = hmac.new(self.config.secret.get_secret_value().encode(), request.body, hashlib.sha256).hexdigest()
        if len(given) < 60 or not expected.startswith(given):
            raise self.rejected(401, "signature_mismatch", "no")


class FailsAtStrangeSignatures(Hook):
    def verify(self, request):
        if not hmac.compare_digest(request.headers.get("x-signature", ""), "a"):
            super().verify(request)


class FailsAtUnreadablePayloads(Hook):
    def receive(self, request):
        self.verify(request)
        return [self.event("sample.called", orjson.loads(request.body), id="1", partitionkey="all")]


class DropsUnreadablePayloads(Hook):
    def receive(self, request):
        try:
            parse(request.body)
        except InvalidPayload:
            self.verify(request)
            return []
        return super().receive(request)


class MakesUpIds(Hook):
    def identity(self, request):
        return uuid.uuid4().hex


class TakesTheBodyForTheId(Hook):
    def identity(self, request):
        return hashlib.sha256(request.body).hexdigest()


class HoldsWhatItHasReceived(Hook):
    def __init__(self, config, context):
        super().__init__(config, context)
        self.history = []

    def receive(self, request):
        self.history.append(bytes(bytearray(request.body)))
        return super().receive(request)


class ShowsItsSecret(Hook):
    def verify(self, request):
        try:
            super().verify(request)
        except WebhookRejected:
            raise self.rejected(401, "signature_mismatch", f"expected it to be signed with {SECRET}") from None


class AnswersForgedOnesWith500(Hook):
    def verify(self, request):
        try:
            super().verify(request)
        except WebhookRejected:
            raise self.rejected(500, "signature_mismatch", "no") from None


class Waits(Hook):
    async def receive(self, request):
        return super().receive(request)
