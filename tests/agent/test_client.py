import socket

import pytest

from controller.agent.client import MOST_WAIT, Client, check_address, retry_after
from controller.agent.identity import Identity
from controller.agent.wire import Work
from controller.errors import RemoteRefusedError, TryLaterError, UsageError
from tests.agent.controller_server import UUID, Answer

WORK = "GET /compliance/work/agent/"
RESULTS = "POST /compliance/results"


@pytest.fixture
def client(controller):
    with Client(controller.url) as found:
        yield found


@pytest.fixture
def me(controller):
    return Identity(controller.url, UUID, "secret-1", "approved")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://c.test", "https://c.test"),
        ("https://c.test:8443/base/", "https://c.test:8443/base"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://localhost:1", "http://localhost:1"),
        ("http://[::1]:1", "http://[::1]:1"),
    ],
)
def test_addresses_that_are_safe_to_send_a_secret_to(address, allowed):
    assert check_address(address, insecure_http=False) == allowed


@pytest.mark.parametrize(
    "address",
    [
        "http://c.test",
        "http://10.0.0.1",
        "http://localhost.evil.test",
        "http://127.0.0.1.evil.test",
        "https://user:pw@c.test",
        "https://c.test?x=1",
        "ftp://c.test",
        "c.test",
        "https://",
        "https://c.test:port",
        "https://[::1",
    ],
)
def test_addresses_that_are_refused(address):
    with pytest.raises(UsageError):
        check_address(address, insecure_http=False)


def test_plain_http_elsewhere_is_a_choice():
    assert check_address("http://10.0.0.1", insecure_http=True) == "http://10.0.0.1"


def test_registering_sends_the_key_and_gives_an_identity(client, controller):
    identity = client.register("key-1", {"hostname": "h", "os": "linux"})

    (seen,) = controller.asked("POST /enrollment/register")
    assert seen.headers["X-Registration-Key"] == "key-1"
    assert "Authorization" not in seen.headers
    assert seen.body == {"hostname": "h", "os": "linux"}
    assert identity == Identity(controller.url, UUID, "secret-1", "approved", 5)


def test_registering_again_proves_who_it_was(client, controller, me):
    client.register("key-1", {"hostname": "h"}, me)

    (seen,) = controller.asked("POST /enrollment/register")
    assert seen.headers["Authorization"] == "Bearer secret-1"
    assert seen.body == {"hostname": "h", "existing_uuid": UUID}


def test_work_is_asked_for_with_the_agents_own_token(client, controller, me):
    found = client.work(me)

    assert isinstance(found, Work)
    assert [check.check_id for check in found.asked()] == ["root-is-there"]
    (seen,) = controller.asked(WORK)
    assert seen.path.endswith(UUID)
    assert seen.headers["Authorization"] == "Bearer secret-1"


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"Retry-After": "120"}, 120.0), ({}, 60.0), ({"Retry-After": "0"}, 0)]
)
def test_nothing_due_says_when_to_ask_again(client, controller, me, headers, seconds):
    controller.next(WORK, Answer(204, None, headers))

    assert client.work(me) == seconds


def test_a_large_report_is_compressed_and_a_small_one_is_not(client, controller, me):
    client.report(me, b'{"report_id": "a", "results": []}')
    client.report(me, b'{"report_id": "b", "results": []' + b" " * 9000 + b"}")

    small, large = controller.asked(RESULTS)
    assert "Content-Encoding" not in small.headers
    assert large.headers["Content-Encoding"] == "gzip"
    assert int(large.headers["Content-Length"]) < 1000
    assert large.body["report_id"] == "b"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_answers_that_pass_are_a_reason_to_try_later(client, controller, me, status):
    controller.next(WORK, Answer(status, {"detail": "busy"}, {"Retry-After": "7"}))

    with pytest.raises(TryLaterError, match=f"{status}: busy") as caught:
        client.work(me)

    assert caught.value.after == 7


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 422])
def test_answers_that_stay_are_final(client, controller, me, status):
    controller.next(WORK, Answer(status, {"detail": "no", "code": "NOPE"}, {"Location": "/x"}))

    with pytest.raises(RemoteRefusedError, match=f"{status}: no") as caught:
        client.work(me)

    assert (caught.value.status, caught.value.code) == (status, "NOPE")


def test_a_dropped_connection_is_a_reason_to_try_later(client, controller, me):
    controller.next(RESULTS, Answer(hang_up=True))

    with pytest.raises(TryLaterError, match="gave no answer"):
        client.report(me, b'{"report_id": "a", "results": []}')


def test_nobody_listening_is_a_reason_to_try_later(me):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with (
            Client(f"http://127.0.0.1:{taken.getsockname()[1]}") as client,
            pytest.raises(TryLaterError, match="gave no answer"),
        ):
            client.work(me)


def test_a_page_of_a_proxy_is_no_work(client, controller, me):
    controller.next(WORK, Answer(200, "<html>welcome to the hotel</html>"))

    with pytest.raises(TryLaterError, match="not a controller's"):
        client.work(me)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path):
    import ssl
    import subprocess
    import threading

    from tests.require import require

    made = tmp_path / "pair.pem"
    try:
        subprocess.run(
            [
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-keyout",
                str(made),
                "-out",
                str(tmp_path / "ca.pem"),
                "-days",
                "2",
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=DNS:localhost,IP:127.0.0.1",
            ],
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        require("openssl", False)
    made.write_text(made.read_text() + (tmp_path / "ca.pem").read_text())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made)
    answer = b"HTTP/1.1 204 X\r\nRetry-After: 9\r\nConnection: close\r\n\r\n"

    def serve(listener):
        for _ in range(2):
            try:
                connection, _ = listener.accept()
                with context.wrap_socket(connection, server_side=True) as secured:
                    secured.recv(4096)
                    secured.sendall(answer)
            except (ssl.SSLError, OSError):
                continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        me = Identity(url, UUID, "secret-1", "approved")
        with Client(url) as stranger, pytest.raises(TryLaterError, match="certificate"):
            stranger.work(me)
        with Client(url, ca_file=tmp_path / "ca.pem") as friend:
            assert friend.work(me) == 9
        thread.join()


def test_a_missing_authority_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"absent\.pem"):
        Client("https://c.test", ca_file=tmp_path / "absent.pem")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("12", 12.0),
        ("999999999", MOST_WAIT),
        ("soon", None),
        ("-5", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MOST_WAIT),
    ],
)
def test_waiting_times_are_read_and_bounded(text, seconds):
    assert retry_after(text) == seconds
