"""What `hub validate` finds in the settings of an HTTP source, and where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.http.templates import Template, filled
from hub.deployment.loading import check, load

HEAD = """\
deployment: shop
services:
  shop: { use: http, with: { base_url: "https://api.example/v1" }, auth: { token: "${env:TOKEN}" } }
sources:
  shop:
    use: http
    with:
      service: shop
      streams:
        customers: { path: /customers, type: shop.customer, primary_key: id }
        orders:
          path: "/customers/{parent.id}/orders"
          type: shop.order
          primary_key: id
          for_each: { stream: customers }
          paginator: { type: cursor, cursor: meta.next }
          incremental: { cursor_field: updated_at, start_parameter: since }
          errors: [{ status: 404, action: ignore }]
"""
TAIL = """\
routes:
  big: { from: shop.order, where: data.total > 100, to: shop.customer }
"""


def found(directory: Path, text: str) -> list[str]:
    """The findings, as place, code and words."""
    (directory / "shop.yaml").write_text(text + TAIL)
    report = check(directory)
    lines = (text + TAIL).splitlines()
    told = []
    for each in report.findings:
        at = lines[each.line - 1][each.column - 1 :]
        said = " ".join(filter(None, (each.message, each.suggestion)))
        told.append(f"{at.split(',')[0].split(' }')[0].split(':')[0]} | {each.code} | {said}")
    return told


def test_what_is_right_has_no_findings(tmp_path: Path) -> None:
    """Event types that the settings name are there for routes, and each has its topic."""
    assert found(tmp_path, HEAD) == []
    deployment = load(tmp_path)
    assert deployment.sources["shop"].topics() == ["shop.customer", "shop.order"]
    assert list(deployment.sources["shop"].events) == ["shop.customer", "shop.order"]


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        ("stream: customers", "stream: custmers", "custmers | config.value | `stream`: there is no stream `custmers`; did you mean `customers`?"),  # noqa: E501  one line each
        ("{parent.id}", "{parnt.id}", '"/customers/{parnt.id}/orders" | config.value | `path`: `{parnt.id}` stands for nothing here; did you mean `{parent.id}`?'),  # noqa: E501
        ("{parent.id}", "{parent.id", '"/customers/{parent.id/orders" | config.value | `path`: expected {name}; got a lone `{`'),  # noqa: E501
        ("type: cursor,", "type: cursors,", "cursors | config.value | expected `page`, `offset`, `cursor`, `link` in `type`; got `cursors` did you mean `cursor`?"),  # noqa: E501
        ("type: cursor, ", "", "paginator | config.missing_key | `paginator` needs `type`"),
        ("cursor: meta.next", "cursor: meta..next", "meta..next | config.value | `cursor`: expected a path such as data.orders"),  # noqa: E501
        (", cursor: meta.next", "", "paginator | config.value | `paginator`: expected one of `cursor`, `header` and `last_record`"),  # noqa: E501
        ("cursor_field:", "cursor_fild:", "cursor_fild | config.unknown_key | `incremental` has no key `cursor_fild`; did you mean `cursor_field`?"),  # noqa: E501
        ("start_parameter: since", "format: YYYY-MM-DD", "YYYY-MM-DD | config.value | `format`: expected iso, epoch, epoch_ms, integer, text, or a format such as %Y-%m-%d"),  # noqa: E501
        ("start_parameter: since", "start: yesterday", "incremental | config.value | `incremental`: start: expected a time in ISO 8601"),  # noqa: E501
        ("action: ignore", "action: ignor", "ignor | config.value | expected `ignore`, `retry`, `wait` or `fail` in `action`; got `ignor` did you mean `ignore`?"),  # noqa: E501
        ("status: 404", "status: 40", "40 | config.value | expected text of the form"),
        ("status: 404, ", "", "{ action | config.value | `errors`: expected `status`, `contains` or `path`"),
        ("type: shop.order", "type: shop order", "shop order | config.value | expected text of the form"),
        ("type: shop.order", 'type: "${env:TYPE}"', '"${env | event.name | '),
        ("path: /customers,", "path: https://elsewhere.example/customers,", "https | config.value | `path`: expected a path below the service's base_url"),  # noqa: E501
        ("type: shop.customer, primary_key: id", "type: shop.customer, deletes: true", "true | config.value | `deletes`: needs `primary_key`"),  # noqa: E501
        ("service: shop\n", "service: shp\n", "shp | source.unknown_service | source `shop` calls the service `shp`, which isn't declared; did you mean `shop`?"),  # noqa: E501
    ],
)  # fmt: skip
def test_each_mistake_is_found_at_its_place(tmp_path: Path, right: str, wrong: str, told: str) -> None:
    """The finding stands at the key or the value that is wrong, and says what to write."""
    assert right in HEAD
    findings = found(tmp_path, HEAD.replace(right, wrong, 1))
    assert any(each.startswith(told) for each in findings), findings


def test_what_a_reference_gives_is_taken_as_it_is(tmp_path: Path) -> None:
    """Braces in it are no placeholders; those that are written beside it are."""
    text = HEAD.replace("/customers/{parent.id}", "/${env:PREFIX}/{parent.id}").replace(
        "errors:", 'headers: { X-Odd: "${env:ODD}" }\n          errors:'
    )
    assert found(tmp_path, text) == []
    environ = {"TOKEN": "x", "PREFIX": "a{b}{}", "ODD": "{{o}"}
    config = load(tmp_path).sources["shop"].config(environ)
    stream = config.merged("orders")
    assert Template(stream.path).path({"parent": {"id": 7}}) == "/a{b}{}/7/orders"
    assert filled(dict(stream.headers), {}) == {"X-Odd": "{{o}"}


def test_mistakes_of_several_parts_are_told_at_once(tmp_path: Path) -> None:
    """What hangs together is looked at also where a part has mistakes of its own."""
    text = HEAD.replace("stream: customers", "stream: nobody").replace("cursor_field:", "cursor_fild:")
    codes = [each.split(" | ")[1] for each in found(tmp_path, text)]
    assert {"config.value", "config.unknown_key"} <= set(codes)


def test_streams_that_go_round_are_found(tmp_path: Path) -> None:
    """A stream is not its own parent, nor its parents' one."""
    text = HEAD.replace("type: shop.customer,", "type: shop.customer, for_each: { stream: orders },")
    assert sum("leads back to this stream" in each for each in found(tmp_path, text)) == 2


README = (Path(__file__).parents[1] / "README.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


def test_the_readme_has_its_examples() -> None:
    """Else the test below would check nothing."""
    assert len(EXAMPLES) == 6


@pytest.mark.parametrize("number", range(6))
def test_the_examples_of_the_readme_are_right(tmp_path: Path, number: int) -> None:
    """Each is a part of a deployment as it stands there; the first one brings what the others name."""
    (tmp_path / "hub.yaml").write_text("deployment: readme\ntopics: { shop.named: }\n")
    (tmp_path / "first.yaml").write_text(EXAMPLES[0])
    (tmp_path / "example.yaml").write_text(EXAMPLES[number] if number else "env: []")
    findings = [each for each in check(tmp_path).findings if each.code not in ("env.unused", "topic.unused")]
    assert findings == []
