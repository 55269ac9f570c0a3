"""The login through the browser in a real one: a person types name and password, agrees, and comes back."""

import asyncio
import os

import pytest

from hub.sdk import Auth
from hub.services.auth.logins import Logins

from .chromium import CHROMIUM, Chromium
from .test_logins import NAMES, terminal

READY = "document.readyState == 'complete' && "


# The flow itself is tested without a browser, too; this one shows that real ones bear our pages and headers.
# In CI nothing is skipped: the set-up installs one.
@pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ, reason="no Chromium on the PATH (Debian: apt-get install chromium)"
)
async def test_a_person_signs_in_with_a_real_browser(provider, settings):
    """To the last page, which says where to go on, and from which nothing is left to be read."""
    shown = asyncio.Queue()
    async with Chromium() as browser:
        login = asyncio.create_task(
            Logins(settings).through_browser(
                NAMES[0], Auth.model_validate(terminal(provider.issuer)), NAMES[1], shown.put_nowait, limit=60
            )
        )
        await browser.go(await shown.get())
        await browser.until(READY + "!!document.querySelector('input[name=login]')")
        await browser.run("document.querySelector('input[name=login]').value = 'joan'")
        await browser.run("document.querySelector('input[name=password]').value = 'canary-password'")
        await browser.run("document.forms[0].submit()")
        await browser.until(READY + "!!document.querySelector('input[name=prompt][value=consent]')")
        await browser.run("document.forms[0].submit()")
        text = await browser.until(READY + "location.pathname == '/callback' && document.body.innerText")
        token, _ = await login
    assert "Go back to the terminal" in text
    assert token.account == "joan@example.com"
