"""``hub auth``: who the services of a deployment are to their APIs, signing in and out, and whether that works."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import typer
from pydantic import SecretStr

from hub.cli import workspace
from hub.cli.logs import Level, configure
from hub.cli.output import RUNTIME, DirectoryOption, Json, commands, console, print_json, printable, run_async, table
from hub.deployment import Deployment, InvalidDeployment
from hub.sdk import Auth, ConfigError, Permanent, ServiceConfig
from hub.services import HttpService
from hub.services.auth import NotSignedIn, credential_name
from hub.services.auth.authenticator import needs_login
from hub.services.auth.errors import ProviderAway
from hub.services.auth.logins import Logins, Standing
from hub.services.auth.oauth.device import Prompt
from hub.services.auth.stores import CredentialSettings
from hub.services.auth.tokens import Token

app = commands(no_args_is_help=True)

_REFUSED = frozenset({401, 403, 407})
_STYLES = {"not signed in": "yellow", "expired": "yellow", "unknown": "red"}
_STDIN_LIMIT = 2**16  # characters of a secret


@app.callback()
def auth(*, json: Json = False) -> None:  # noqa: ARG001  its callback notes it for the commands
    """List how services sign in, sign in and out, and test it. No command shows a secret."""
    configure(level=Level.ERROR)


Service = Annotated[str, typer.Argument(metavar="SERVICE", help="A service of the deployment.", show_default=False)]


class Known(NamedTuple):
    """A service of the deployment, and under which name its credential is kept."""

    name: str
    config: ServiceConfig
    credential: str

    @property
    def auth(self) -> Auth:
        """How it signs in."""
        return self.config.auth


@app.command("list")
def list_(*, directory: DirectoryOption = None, json: Json = False) -> None:
    """List the services, how they sign in, and how that stands. `--json` prints an array."""
    deployment = workspace.deployment(directory)
    found = {name: _standing(deployment, name) for name in deployment.services}
    if json:
        print_json([{"service": name, **standing.to_json()} for name, standing in found.items()])
        return
    out = console()
    if not found:
        out.print("the deployment has no services")
        return
    rows = [(name, each.way, each.state, _until(each), _kept(each)) for name, each in found.items()]
    out.print(table(("service", "signs in by", "state", "token", "kept in"), rows))
    for name, each in found.items():
        if each.problem:
            out.print(f"{name}: {printable(each.problem)}", style=_STYLES.get(each.state, ""), soft_wrap=True)
    if waiting := [name for name, each in found.items() if each.state in ("not signed in", "expired")]:
        out.print(f"→ hub auth login {waiting[0]}", style="dim")


@app.command()
def login(
    service: Service,
    *,
    device: Annotated[
        bool, typer.Option("--device", help="By a code that is typed in elsewhere, where there is no browser here.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address instead of opening it.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=3600, metavar="SECONDS", help="How long to wait.")] = 300,
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Sign a service in: through the browser, by a code, or with a secret that is asked for (or comes on stdin)."""
    known = _known(workspace.deployment(directory), service)
    logins = Logins(CredentialSettings())
    oauth2 = known.auth.oauth2
    if not needs_login(known.auth):
        raise ConfigError(
            f"service {service} needs no login: it signs in "
            + ("not at all" if known.auth.way is None else "with what its schema file says")
        )
    if oauth2 is None:
        secret = _asked(f"{'Password' if known.auth.basic else 'Secret'} of service {service}")
        kept = run_async(logins.keep(known.name, known.auth, known.credential, secret))
        _tell_login(known, None, kept, json=json)
        return
    arguments = (known.name, known.auth, known.credential)
    tls = known.config.tls.context
    if device or oauth2.grant == "device_code":
        token, kept = run_async(logins.by_code(*arguments, _show_code, tls=tls))
    else:
        show = _print_address if no_browser else _open
        token, kept = run_async(logins.through_browser(*arguments, show, limit=limit, tls=tls))
    _tell_login(known, token, kept, json=json)


@app.command()
def logout(service: Service, *, directory: DirectoryOption = None, json: Json = False) -> None:
    """Sign a service out: forget what is kept, and give tokens back to the provider where it takes them."""
    known = _known(workspace.deployment(directory), service)
    found, problem = run_async(
        Logins(CredentialSettings()).forget(known.name, known.auth, known.credential, known.config.tls.context)
    )
    if json:
        print_json({"service": service, "forgotten": found, "problem": problem})
        return
    console().print(f"service {service}: {'signed out' if found else 'nothing was kept'}")
    if problem:
        console(stderr=True).print(f"what was given may be good until it ends: {printable(problem)}", soft_wrap=True)


@app.command("test")
def try_(
    service: Service,
    *,
    path: Annotated[str, typer.Option(metavar="PATH", help="What to ask the API for, below its base URL.")] = "/",
    directory: DirectoryOption = None,
    json: Json = False,
) -> None:
    """Sign one request (GET) and see whether the API takes it. Exit code 1 if it doesn't, 3 if it can't be reached."""
    deployment = workspace.deployment(directory)
    known = _known(deployment, service)
    began = time.monotonic()
    status, problem = run_async(_try(deployment, known, path))
    took = time.monotonic() - began
    good = problem is None
    if json:
        print_json({"service": service, "ok": good, "status": status, "problem": problem, "seconds": round(took, 3)})
    elif good:
        signed = "without signing in" if known.auth.way is None else f"signed in by {known.auth.way}"
        console().print(f"service {service}: {signed}; {path} answered {status} in {took * 1000:.0f} ms")
    else:
        console(stderr=True).print(printable(problem or ""), soft_wrap=True)
    if not good:
        raise typer.Exit(RUNTIME)


def _known(deployment: Deployment, service: str) -> Known:
    if service not in deployment.services:
        names = ", ".join(deployment.services) or "none"
        raise ConfigError(f"there is no service {service} in the deployment; it has {names}")
    config = deployment.services[service].config(os.environ)
    return Known(service, config, credential_name(deployment.name, service))


def _standing(deployment: Deployment, name: str) -> Standing:
    try:
        known = _known(deployment, name)
    except InvalidDeployment as error:
        # Something that a reference names is missing: said for this service, while the others are listed.
        return Standing("?", "unknown", problem=str(error))
    return run_async(Logins(CredentialSettings()).standing(known.name, known.auth, known.credential))


async def _try(deployment: Deployment, known: Known, path: str) -> tuple[int | None, str | None]:
    """The API's status, and what is wrong, if anything is with the credential."""
    async with HttpService(known.name, known.config, deployment=deployment.name) as service:
        try:
            return (await service.request("GET", path)).status, None
        except ProviderAway:
            raise
        except NotSignedIn as error:
            return error.status, str(error)
        except Permanent as error:
            # An API that says 404 has taken the credential.
            return error.status, str(error) if error.status is None or error.status in _REFUSED else None


def _asked(what: str) -> SecretStr:
    """A secret that a person types in unseen, or a program gives on standard input."""
    if sys.stdin.isatty():
        return SecretStr(typer.prompt(what, hide_input=True, err=True))
    return SecretStr(sys.stdin.read(_STDIN_LIMIT).strip("\r\n"))


def _open(url: str) -> None:
    _print_address(url, "Sign in in the browser; if none opens, with this address:")
    webbrowser.open(url)


def _print_address(url: str, text: str = "Sign in in a browser on this machine, with this address:") -> None:
    out = console(stderr=True)
    out.print(text)
    out.print(f"  {printable(url)}", soft_wrap=True)


def _show_code(prompt: Prompt) -> None:
    out = console(stderr=True)
    out.print(f"Open {printable(prompt.url)} on any device, and type in: {printable(prompt.code)}", soft_wrap=True)
    if prompt.complete:
        out.print(f"Or open {printable(prompt.complete)}", soft_wrap=True)


def _tell_login(known: Known, token: Token | None, kept: str, *, json: bool) -> None:
    account = token.account if token is not None else ""
    expires = token.expires_at if token is not None else None
    if json:
        document: dict[str, Any] = {"service": known.name, "account": account or None, "store": kept}
        print_json({**document, "expires_at": expires, "renewable": token is not None and token.refresh is not None})
        return
    out = console()
    out.print(f"service {known.name}: signed in" + (f" as {printable(account)}" if account else ""))
    out.print(f"kept in {kept}", style="dim", soft_wrap=True)
    if token is not None and token.refresh is None and expires is not None:
        end = datetime.fromtimestamp(expires, UTC)
        out.print(
            f"the provider gave nothing to renew it with: it ends at {end:%Y-%m-%d %H:%M} UTC. Many give it for the "
            "scope offline_access",
            style="yellow",
            soft_wrap=True,
        )


def _until(standing: Standing) -> str:
    if standing.expires_at is None:
        return ""
    left = standing.expires_at - time.time()
    if left <= 0:
        return "renewed when needed" if standing.state != "expired" else "ended"
    return f"{left / 60:.0f} min" if left < 2 * 3600 else f"{left / 3600:.0f} h"


def _kept(standing: Standing) -> str:
    return " · ".join(filter(None, (standing.store, standing.account)))
