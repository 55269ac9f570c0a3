"""``hub lsp`` as editors use it: over pipes, with texts that aren't saved."""

from __future__ import annotations

from tests.unit.workbench.editor.conftest import SHOP, Editor


async def test_what_is_wrong_is_told_before_it_is_saved(editor: Editor) -> None:
    """The findings of `hub validate`, by what the editor holds."""
    editor.open(SHOP)
    await editor.codes()
    editor.change(SHOP.replace("to: [order.big", "to: [order.bgi"))
    (found,) = await editor.codes("route.unknown_target")
    assert found.source == "hub"
    print(found)
    print(await editor.hover("data.pull_request.dr"))
    print(await editor.hover("where"))
    print([x.label for x in await editor.complete("data.pull_request.")][:10])
    print([x.label for x in await editor.complete("to: [")][:10])
    print(await editor.define("to: [order.bgi, c"))
