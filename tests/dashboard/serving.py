"""The dashboard on a real socket, before a store of the test's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import uvicorn

from controller import __version__
from controller.api.app import create_app
from controller.api.errors import status_of
from controller.api.services import Services as ApiServices
from controller.dashboard.app import create_dashboard
from controller.dashboard.services import Services
from controller.intake.intake import Intake
from controller.intake.recorder.direct import DirectRecorder
from controller.store.port.store import Store


def dashboard_services(store: Store, clock: Callable[[], datetime], **fields: object) -> Services:
    settings: dict[str, object] = {
        "store": store,
        "clock": clock,
        "wake": lambda _name: None,
        "version": __version__,
        "status_of": status_of,
        "seconds_to_wait": lambda _address: 0,
    }
    return Services(**(settings | fields))  # type: ignore[arg-type]


@contextmanager
def serving(store: Store, clock: Callable[[], datetime], **fields: object) -> Iterator[str]:
    """The API and the dashboard as ``gitward serve`` mounts them; the address."""
    intake = Intake(DirectRecorder(store))
    api = ApiServices(
        store=store,
        intake=intake,
        clock=clock,
        monotonic=lambda: 0.0,
        read_file=lambda _name, _path: None,
        wake=lambda _name: None,
        version=__version__,
    )
    app = create_app(api, fallback=create_dashboard(dashboard_services(store, clock, **fields)))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    intake.start()
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        intake.stop()
        listener.close()
