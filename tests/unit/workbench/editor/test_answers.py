"""What is answered at a place of a file. The place is written ``¦`` in the text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lsprotocol.types import CompletionItem, SymbolKind

from hub.workbench.editor.completion import completions
from hub.workbench.editor.definition import definitions
from hub.workbench.editor.hover import hover
from hub.workbench.editor.project import Project, is_deployment
from hub.workbench.editor.symbols import symbols
from hub.workbench.editor.text import Text
from tests.unit.workbench.editor.conftest import SHOP

Place = Callable[..., tuple[Text, int, Project]]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    directory = tmp_path_factory.mktemp("shop")
    (directory / "hub.yaml").write_text(SHOP)
    (directory / "schemas").mkdir()
    (directory / "schemas" / "letter.json").write_text("{}")
    (directory / ".git").mkdir()
    (directory / ".git" / "config").write_text("")
    project = Project(directory.resolve(), {})
    project.look()
    return project


@pytest.fixture
def place(project: Project) -> Place:
    """The text of the shop with a piece replaced, and the place in it."""

    def place(old: str, new: str) -> tuple[Text, int, Project]:
        assert old in SHOP
        text = SHOP.replace(old, new, 1)
        assert text.count("¦") == 1
        return Text(text.replace("¦", "")), text.index("¦"), project

    return place


def labels(items: list[CompletionItem]) -> list[str]:
    return [each.label for each in items]


def complete(place: tuple[Text, int, Project]) -> list[str]:
    return labels(completions(*place))


def said(place: tuple[Text, int, Project]) -> str | None:
    found = hover(*place)
    return found.contents.value if found else None  # type: ignore[union-attr]


WHERE = 'where: data.action == "opened" && data.pull_request.draft == false'


@pytest.mark.parametrize(
    ("new", "some"),
    [
        ("where: ¦", ["data", "event", "key", "headers", "env", "now", "has"]),
        ("where: da¦", ["data"]),
        ("where: data.¦", ["action", "pull_request", "repository", "sender"]),
        ("where: data.pull_request.dr¦", ["draft"]),
        ('where: data.action == "opened" && ¦', ["data", "size"]),
        ('where: "data.pull_request.¦"', ["draft", "title"]),
        ("where: data.pull_request.labels.exists(l, l.¦", ["name", "color"]),
        ("where: data.pull_request.labels.exists(l, l.na¦)", ["name"]),
        ("where: |-\n      data.action == 'x' &&\n      data.pull_request.us¦", ["user"]),
        ("where: event.¦", ["type", "subject", "id"]),
        ("where: env.¦", ["REGION"]),
        ("where: data.action.¦", ["startsWith", "contains"]),
    ],
)
def test_expressions_are_completed(place: Place, new: str, some: list[str]) -> None:
    """By the type of what stands before the dot; half written as they are."""
    found = complete(place(WHERE, new))
    assert set(some) <= set(found)
    assert all(each.startswith(("da",)) for each in found) or "da¦" not in new


def test_within_mapped_values_too(place: Place) -> None:
    """After the mark, and only after it; in the settings of sinks by the events that they get."""
    assert "title" in complete(place("id: = data.pull_request.title", "id: = data.pull_request.ti¦"))
    assert complete(place("id: = data.pull_request.title", "id: data.pull_request.ti¦")) == []
    assert complete(place('"= data.id"', '"= data.¦"'))[:3] == ["id", "total", "at"]


def test_the_elements_of_a_split(place: Place) -> None:
    """`item` is an element of the list."""
    split = "split: data.pull_request.labels\n    where: true"
    found = complete(place(f"{WHERE}\n", f"{split}\n    key: = item.¦\n"))
    assert {"name", "color"} <= set(found)
    assert {"item", "index"} <= set(complete(place(f"{WHERE}\n", f"{split}\n    key: = i¦\n")))
    assert "item" not in complete(place(WHERE, "split: data.pull_request.labels\n    where: i¦"))


@pytest.mark.parametrize(
    ("old", "new", "some", "none"),
    [
        ("to: [order.big, chat]", "to: [¦]", ["order.big", "orders", "chat"], ["pulls"]),
        ("to: [order.big, chat]", "to: [chat, o¦]", ["order.big", "orders"], ["chat"]),
        ("to: [order.big, chat]", "to: ¦", ["order.big", "chat"], []),
        ("to: [order.big, chat]", "to:\n      - ¦", ["order.big", "chat"], []),
        ("to: [order.big, chat]", "to: [{ choose: '= \"x\"', of: [¦] }]", ["order.big", "chat"], []),
        ("from: github.pull_request", "from: git¦", ["github.push", "orders"], ["chat"]),
        ("    map:\n", "    drop: [data.sender.¦]\n    map:\n", ["data.sender.login"], ["data.sender"]),
        ("    map:\n", "    drop: [sub¦]\n    map:\n", ["subject", "extensions"], ["orders"]),
        (
            "    map:\n",
            "    drop: ['data.pull_request.labels[].¦']\n    map:\n",
            ["data.pull_request.labels[].name"],
            [],
        ),
        ("type: order.big", "type: or¦", ["order.big"], ["orders"]),
        ("use: github.webhook", "use: ¦", ["github.webhook", "github.issues", "http"], ["github.comment"]),
        ("use: http", "use: ¦", ["http", "rabbitmq"], ["github.webhook"]),
        ("{ type: string", "{ $ref: ¦, type: string", ["schemas/letter.json"], [".git/config"]),
        ("from: github.pull_request", "start: ¦\n    from: github.pull_request", ["latest", "earliest"], []),
        (
            "path: /hooks",
            "service: ¦, path: /hooks",
            [],
            ["github"],
        ),
    ],
)
def test_names_are_completed(place: Place, old: str, new: str, some: list[str], none: list[str]) -> None:
    """Topics, event types, sinks, connectors, files: what the place takes, and what isn't there yet."""
    found = complete(place(old, new))
    assert set(some) <= set(found)
    assert not set(none) & set(found)


@pytest.mark.parametrize(
    ("old", "new", "some", "none"),
    [
        ("routes:\n", "ro¦\nroutes:\n", ["services", "tests"], ["where", "sinks"]),
        ("    where:", "    ¦\n    where:", ["split", "switch", "set", "drop"], ["where", "from", "use"]),
        ("    where:", "    sw¦\n    where:", ["switch"], ["map"]),
        ("    map:\n", "    map:\n      ¦\n", ["subject", "extensions"], ["type", "data", "where"]),
        ("url: https://chat.example/,", "url: https://chat.example/, ¦,", ["timeout", "headers"], ["url", "json"]),
        ("    use: http\n", "    use: http\n    on_error:\n      ¦\n", ["retry", "dlq"], ["use"]),
        ("    use: http\n", "    use: http\n    on_error: { retry: { ¦ } }\n", ["max_retries"], ["dlq"]),
        ("    where:", "    on_error: { ¦ }\n    where:", ["dlq"], ["retry", "dlq_order"]),
        ("path: /hooks", "¦, path: /hooks", ["max_body"], ["path", "secret"]),
        ("data: { id: = data.pull_request.title, total", "data: { ¦, total", ["id"], ["type", "total", "where"]),
        ("    map:\n", "    set:\n      ¦\n    map:\n", ["data", "subject", "type"], ["where"]),
        ("    map:\n", "    set:\n      data.¦\n    map:\n", ["data.pull_request", "data.action"], ["subject"]),
        ("    map:\n", "    set: { data.pull_request.us¦: 1 }\n    map:\n", ["data.pull_request.user"], ["data"]),
    ],
)
def test_keys_are_completed(place: Place, old: str, new: str, some: list[str], none: list[str]) -> None:
    """As the models of sections and connectors have them, without those that are there."""
    found = complete(place(old, new))
    assert set(some) <= set(found)
    assert not set(none) & set(found)


def test_a_completion_replaces_the_whole_word(place: Place) -> None:
    """Also where an editor takes a dot for its end."""
    text, index, project = place("to: [order.big, chat]", "to: [order.b¦ig, chat]")
    item = next(each for each in completions(text, index, project) if each.label == "order.big")
    assert item.text_edit is not None
    span = item.text_edit.range  # type: ignore[union-attr]
    assert text.content[text.index(span.start) : text.index(span.end)] == "order.big"


def test_other_mistakes_in_the_file_do_not_matter(place: Place) -> None:
    """A file that is no YAML elsewhere."""
    text, index, project = place("deployment: shop", "deployment: shop\n  a: b: [c\nroutes2:\n  x:\n    from: [¦")
    assert completions(text, index, project) is not None
    broken = Text(text.content + "\n}: ]\n")
    found = completions(broken, broken.content.index("where: data.") + len("where: data."), project)
    assert isinstance(found, list)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (WHERE, WHERE.replace("draft", "dr¦aft"), ["data.pull_request.draft: bool", "pull request is a draft"]),
        (WHERE, WHERE.replace("pull_request", "pull_¦request"), ["data.pull_request: {"]),
        (WHERE, "where: si¦ze(data.action) > 3", ["size(data.action): int", "`size(x)`"]),
        ("data.id", "data.i¦d", ["data.id: string"]),
        ("    map:", "    m¦ap:", ["**map**"]),
        ("    where:", "    wh¦ere:", ["**where**", "left out"]),
        ("{ id: = data", "{ i¦d: = data", ["id: string", "The number on the bill."]),
        ("url: https://chat", "u¦rl: https://chat", ["**url**", "Only scheme, host and port"]),
        ("{ path: /hooks", "{ pa¦th: /hooks", ["**path**", "Required."]),
        ("routes:", "rou¦tes:", ["**routes**", "predicate"]),
        ("to: [order.big", "to: [order.b¦ig", ["**topic order.big**", "written by route `pulls`"]),
        ("[order.big, chat]", "[order.big, ch¦at]", ["**sink chat** · http"]),
        ("use: github.webhook", "use: github.web¦hook", ["**github.webhook**", "GitHub"]),
    ],
)
def test_hover(place: Place, old: str, new: str, words: list[str]) -> None:
    """Types and what schemas say, what keys are for, what names mean."""
    found = said(place(old, new))
    assert found is not None
    assert all(each in found for each in words)


@pytest.mark.parametrize(
    ("old", "new"),
    [("deployment: shop", "deployment: sh¦op"), ("1.5", "1¦.5"), ("pulls:", "pul¦ls:"), (WHERE, "where: data.¦ +")],
)
def test_nothing_to_say(place: Place, old: str, new: str) -> None:
    """Is not said."""
    assert said(place(old, new)) is None


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("[order.big, chat]", "[order.big, ch¦at]", "  chat:"),
        ("[order.big, chat]", "[order.¦big, chat]", "  order.big:"),
        ("type: order.big", "type: order.b¦ig", "  order.big:"),
        ("from: github.pull_request", "from: github.pull¦_request", "  hook:"),
        ("env.REGION", "env.REG¦ION", "env: [REGION]"),
        ('lookup("teams"', 'lookup("te¦ams"', "tables: {"),
    ],
)
def test_definitions(place: Place, old: str, new: str, line: str) -> None:
    """Where a name is declared; a topic that nobody declares where it is written."""
    text, index, project = place(old, new)
    ((file, span),) = definitions(text.content, index, project.directory / "hub.yaml", project)
    assert file == project.directory / "hub.yaml"
    assert span is not None
    assert SHOP.splitlines()[span.start.line - 1].startswith(line)


def test_included_files(place: Place) -> None:
    """Open by their path; not those that a deployment may not include."""
    text, index, project = place("{ type: string", "{ $ref: schemas/let¦ter.json }, x: { type: string")
    file = project.directory / "hub.yaml"
    assert definitions(text.content, index, file, project) == [(project.directory / "schemas" / "letter.json", None)]
    text, index, project = place("{ type: string", "{ $ref: ../../etc/pas¦swd }, x: { type: string")
    assert definitions(text.content, index, file, project) == []


def test_the_outline() -> None:
    """Sections with their entries; each name lies within its entry, as editors demand."""
    found = symbols(Text(SHOP))
    assert [each.name for each in found] == [
        "deployment",
        "env",
        "tables",
        "topics",
        "sources",
        "events",
        "routes",
        "sinks",
    ]
    routes = found[6]
    assert [(each.name, each.kind) for each in routes.children or []] == [("pulls", SymbolKind.Function)]
    assert [(each.name, each.detail) for each in found[7].children or []] == [("chat", "http")]
    for each in (*found, *(child for section in found for child in section.children or [])):
        assert each.range.start <= each.selection_range.start
        assert each.selection_range.end <= each.range.end
    assert symbols(Text("")) == []
    assert symbols(Text("- a\n")) == []


def test_only_deployments_are_ours(tmp_path: Path) -> None:
    """Other YAML files are left alone."""
    (tmp_path / "docker-compose.yaml").write_text("services: { web: { image: nginx } }\n")
    assert not is_deployment(tmp_path, {})
    assert is_deployment(tmp_path, {tmp_path / "new.yaml": "deployment: d\n"})
    assert not is_deployment(tmp_path / "nowhere", {})


@pytest.mark.parametrize("text", [SHOP, SHOP.replace("    map:\n", "    map: [\n"), SHOP[:400], "\t: [}", ""])
def test_no_place_of_any_text_is_a_failure(project: Project, text: str) -> None:
    """Hover and definition at many characters, completion at some: they answer something or nothing."""
    file = project.directory / "hub.yaml"
    for index in range(0, len(text) + 1, 19):
        hover(Text(text), index, project)
        definitions(text, index, file, project)
    for index in range(0, len(text) + 1, 41):
        completions(Text(text[:index]), index, project)
