"""``gitward serve``: the controller."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from controller.cli import exit_codes
from controller.cli.options import option
from controller.errors import UsageError

if TYPE_CHECKING:
    from controller.bootstrap import Controller
    from controller.cli.serving.narrator import Narrator
    from controller.model.operator import DeclaredSource
    from controller.settings import Settings

_SWITCH_SECONDS = 0.0001
_GRACE = 8
"""Seconds that open requests have after a stop was asked for."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    option(parser, "--repo", metavar="URL_OR_PATH", help="the configuration repository")
    option(
        parser,
        "--sources",
        type=Path,
        metavar="FILE",
        help="several repositories, instead of --repo",
    )
    option(parser, "--ref", default="main", help="branch or tag, or HEAD (default: main)")
    option(
        parser, "--path", default=".", help="the documents' folder in the repository (default: .)"
    )
    option(
        parser, "--data", type=Path, default=Path(".gitward"), metavar="DIR", help="the data folder"
    )
    option(parser, "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    option(parser, "--port", type=int, default=8080, help="port to listen on; 0 picks a free one")
    option(parser, "--poll-interval", type=int, default=60, metavar="SECONDS", help="at least 10")
    option(
        parser, "--working-tree", action="store_true", help="reconcile uncommitted files as saved"
    )
    option(parser, "--local-agent", action="store_true", help="also evaluate this machine")
    option(
        parser, "--tls-cert", type=Path, metavar="FILE", help="serve https with this certificate"
    )
    option(parser, "--tls-key", type=Path, metavar="FILE", help="the certificate's private key")
    option(
        parser,
        "--verify",
        choices=("none", "head", "range"),
        default="none",
        help="which commits must be signed: none, the head, or all since the last verified one",
    )
    option(parser, "--allowed-signers", metavar="FILE", help="SSH keys whose signatures count")
    option(parser, "--gpg-keyring", metavar="FILE", help="OpenPGP keys whose signatures count")
    option(
        parser,
        "--forge-key",
        action="append",
        metavar="NAME=FILE",
        help="the key by which a forge signs what it merges, trusted under this name",
    )
    option(
        parser, "--notifications", type=Path, metavar="FILE", help="whom to tell of what happens"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from controller.bootstrap import build, hold
    from controller.cli.serving.logs import log_to_stderr
    from controller.cli.serving.narrator import Narrator

    settings = _settings(options)
    log_to_stderr()
    with hold(settings.data):
        listener = _listen(settings)
        if listener is None:
            return exit_codes.FAILED
        narrator = Narrator(settings)
        controller = build(settings, on_pass=narrator.passed)
        with listener:
            _serve(controller, listener, narrator)
        controller.raise_if_lost()
    return exit_codes.OK


def _settings(options: argparse.Namespace) -> Settings:
    from controller.config.operator_file import read_notifications
    from controller.settings import Settings, check, from_environment

    operator = from_environment()
    # A path on the command line is the operator's own word; from elsewhere it must be allowed.
    typed = any(each == "--repo" or each.startswith("--repo=") for each in sys.argv)
    return check(
        Settings(
            sources=_sources(options),
            targets=read_notifications(options.notifications).targets
            if options.notifications
            else (),
            data=options.data,
            host=options.host,
            port=options.port,
            poll_interval=options.poll_interval,
            working_tree=options.working_tree,
            local_agent=options.local_agent,
            tls_cert=options.tls_cert,
            tls_key=options.tls_key,
            allow_local=typed or operator.allow_file_sources,
            operator=operator,
        )
    )


def _sources(options: argparse.Namespace) -> tuple[DeclaredSource, ...]:
    from controller.config.operator_file import read_sources
    from controller.model.operator import DeclaredSource
    from controller.wiring import SOURCE_NAME

    if options.sources is not None:
        if options.repo is not None or options.working_tree:
            raise UsageError("--sources stands instead of --repo and --working-tree; remove one")
        return read_sources(options.sources).sources
    if options.repo is None:
        raise UsageError("name the configuration repository with --repo, or several with --sources")
    keys = dict(_named_file(each) for each in options.forge_key or ())
    try:
        return (
            DeclaredSource(
                name=SOURCE_NAME,
                repo=options.repo,
                ref=options.ref,
                path="" if options.path == "." else options.path,
                verify=options.verify,
                gpg_keyring=options.gpg_keyring,
                allowed_signers=options.allowed_signers,
                forge_keys=keys,
            ),
        )
    except ValueError as error:
        raise UsageError(f"--repo, --ref, --path or a key cannot be meant: {error}") from error


def _named_file(text: str) -> tuple[str, str]:
    name, equals, file = text.partition("=")
    if not equals or not name or not file:
        raise UsageError(f"--forge-key is {text!r}; write NAME=FILE, such as github=web-flow.asc")
    return name, file


def _listen(settings: Settings) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as error:
        print(
            f"gitward serve: cannot listen on {settings.host}:{settings.port}: {error.strerror}; "
            "choose another --host or --port",
            file=sys.stderr,
        )
        return None


def _serve(controller: Controller, listener: socket.socket, narrator: Narrator) -> None:
    import uvicorn

    # Threads that compute give way sooner, so that a request never waits long for the writer.
    sys.setswitchinterval(_SWITCH_SECONDS)

    from controller.cli.serving.quick_protocol import protocol_of

    settings = controller.settings
    host, port = listener.getsockname()[:2]
    address = f"{settings.scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # The library raises the signal again when it is done, which would end the process
            # before what runs beside the server has been stopped.
            before = {each: signal.signal(each, self.handle_exit) for each in _SIGNALS}
            try:
                yield
            finally:
                for each, handler in before.items():
                    signal.signal(each, handler)

        async def on_tick(self, counter: int) -> bool:
            return await super().on_tick(counter) or controller.store.lost is not None

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                controller.start()
                print(f"listening on {address}", flush=True)
                narrator.ready(controller, address)

    server = Server(
        uvicorn.Config(
            controller.app,
            log_config=None,
            access_log=False,
            server_header=False,
            # Otherwise whoever connects from this machine may claim any address (T51).
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
            timeout_keep_alive=30,
            http=protocol_of(controller.app.state),
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
        )
    )
    try:
        server.run(sockets=[listener])
    finally:
        narrator.stop()
        controller.stop()
