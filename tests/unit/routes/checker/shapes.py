"""What the tests of the checker look at: the shapes of a small event, and a short way to check an expression."""

from __future__ import annotations

from hub.contracts import Shape
from hub.contracts.shape import STRING, TIMESTAMP
from hub.routes.checker import check_source
from hub.routes.parser import parse
from hub.routes.writer import Source

ORDER = {
    "type": "object",
    "properties": {
        "action": {"enum": ["opened", "closed", "reopened"], "description": "what happened"},
        "number": {"type": "integer"},
        "price": {"type": "number"},
        "ratio": {"type": "number"},
        "paid": {"type": "boolean"},
        "title": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "nothing": {"type": "null"},
        "created_at": {"type": "string", "format": "date-time"},
        "due": {"type": "string", "format": "date"},
        "url": {"type": "string", "format": "uri"},
        "user": {"anyOf": [{"$ref": "#/$defs/user"}, {"type": "null"}]},
        "owner": {"$ref": "#/$defs/user"},
        "labels": {"type": "array", "items": {"$ref": "#/$defs/label"}},
        "tags": {"type": "array", "items": {"type": "string"}},
        "extra": {"type": "object", "additionalProperties": True},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "maybe": {"type": "string"},
        "payload": {
            "oneOf": [
                {
                    "properties": {"kind": {"const": "card"}, "digits": {"type": "string"}},
                    "required": ["kind", "digits"],
                },
                {
                    "properties": {"kind": {"const": "bank"}, "iban": {"type": "string"}},
                    "required": ["kind", "iban"],
                },
            ]
        },
    },
    "required": [
        "action", "number", "price", "ratio", "paid", "title", "note", "nothing", "created_at", "due", "url", "user",
        "owner", "labels", "tags", "extra", "counts", "payload",
    ],
    "$defs": {
        "user": {
            "type": "object",
            "properties": {"login": {"type": "string"}, "id": {"type": "integer"}, "email": {"type": "string"}},
            "required": ["login", "id"],
        },
        "label": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "color": {"type": ["string", "null"]}},
            "required": ["name", "color"],
        },
    },
}  # fmt: skip
NAMES = {
    "data": Shape.of_schema(ORDER).labelled("shop.order"),
    "event": Shape(("map",), fields={"type": STRING, "id": STRING}, required=("type", "id"), values=STRING),
    "env": Shape(("map",), fields={"REGION": STRING}, required=("REGION",), closed=True),
    "headers": Shape(("map",), values=STRING),
    "key": Shape(("string", "null_type")),
    "now": TIMESTAMP,
}
TABLES = {"teams": {"backend": {"lead": "ann"}, "web": {"lead": "bob"}}}


def checked(text, *, strict=False, names=NAMES, **options):
    """What the checker says of an expression."""
    return check_source(Source(text, parse(text)), names, strict=strict, tables=TABLES, **options)


def problems(text, *, strict=False, **options):
    """The problems of an expression."""
    return checked(text, strict=strict, **options).problems


def codes(text, *, strict=False, **options):
    """The codes of its problems."""
    return [each.code for each in problems(text, strict=strict, **options)]
