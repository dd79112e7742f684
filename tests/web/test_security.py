from __future__ import annotations

import io
from urllib.parse import parse_qs, urlsplit

import pytest

from nextlabel.engine.settings import Settings
from nextlabel.web.security import COOKIE, Guard, cookie_for, safe_redirect

pytestmark = pytest.mark.slow

TOKEN = "correct horse battery"


def guard(**settings):
    return Guard.of(Settings.from_environment({}, **settings))


LOOPBACK = [
    "localhost", "localhost:8000", "LOCALHOST", "localhost.", "app.localhost:1", "127.0.0.1", "127.1.2.3:9",
    "[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]:8000",
]  # fmt: skip
FOREIGN = [
    "", "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "evil@localhost",
    "localhost@evil.example", "localhost:port", "localhost:8000:8000", "localhost/", "local host", "[::1", "::1]",
    "[::2]", "192.168.1.5", "0.0.0.0", "2130706433", "127.0.0.1\x00", "\xff", "[localhost]", "localhost:123456",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_hosts_of_this_machine(host):
    assert guard().host_is_ours(host)


@pytest.mark.parametrize("host", FOREIGN)
def test_foreign_hosts(host):
    assert not guard().host_is_ours(host)


def test_the_bound_host_and_allowed_hosts():
    rules = guard(host="label.example", token=TOKEN, allowed_hosts="proxy.example, other.example:8443,[2001:db8::1]")
    for host in ("label.example:8000", "PROXY.example", "other.example", "[2001:db8::1]:80", "localhost"):
        assert rules.host_is_ours(host)
    assert not rules.host_is_ours("192.168.1.5")


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
def test_bound_to_every_address_accepts_any_literal_address(bound):
    rules = guard(host=bound, token=TOKEN)
    assert rules.host_is_ours("192.168.1.5:8000")
    assert rules.host_is_ours("[fe80::1]:8000")
    assert not rules.host_is_ours("evil.example")


def test_origins():
    rules = guard(allowed_hosts="proxy.example")
    same = [
        ("http://localhost:8000", "localhost:8000"),
        ("http://localhost", "localhost:80"),
        ("https://localhost", "localhost"),
        ("https://LOCALHOST:443", "localhost"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("https://proxy.example", "127.0.0.1:8000"),
    ]
    other = [
        ("null", "localhost:8000"),
        ("http://localhost:3000", "localhost:8000"),
        ("http://127.0.0.1:8000", "localhost:8000"),
        ("http://evil.example", "localhost"),
        ("https://localhost:8000", "localhost"),
        ("http://localhost:8000@evil.example", "localhost:8000"),
        ("http://localhost:8000/", "localhost:8000"),
        ("file://localhost", "localhost"),
        ("chrome-extension://localhost", "localhost"),
        ("", "localhost"),
    ]
    assert [pair for pair in same if not rules.origin_is_ours(*pair)] == []
    assert [pair for pair in other if rules.origin_is_ours(*pair)] == []


@pytest.mark.parametrize("method", ["get", "post", "put", "options"])
@pytest.mark.parametrize("address", ["/healthz", "/labels", "/", "/nope", "/static/style.css"])
def test_a_foreign_host_is_forbidden(client, refused, method, address):
    refused(lambda: client.open(address, method=method.upper(), headers={"Host": "evil.example"}), 403)


def test_a_foreign_origin_can_read_but_not_change(client, refused):
    foreign = {"Origin": "http://evil.example"}
    body = {"annotator": "ann", "labels": [{"id": "0", "skip": True}]}
    refused(lambda: client.post("/labels", json=body, headers=foreign), 403)
    refused(lambda: client.post("/train", headers={"Origin": "null"}), 403)
    refused(lambda: client.delete("/jobs/1", headers=foreign), 403)
    response = client.get("/info", headers=foreign)
    assert response.status_code == 200
    assert not any(name.startswith("Access-Control") for name, _ in response.headers)
    assert client.post("/labels", json=body, headers={"Origin": "http://localhost"}).status_code == 201


@pytest.fixture
def locked(build):
    return build(token=TOKEN).test_client()


def test_the_token_is_required_everywhere(locked, refused):
    for address in ("/predict", "/labels", "/train", "/projects/digits/train"):
        refused(lambda address=address: locked.post(address), 401)
    for address in ("/info", "/query", "/labels", "/metrics", "/openapi.json", "/jobs", "/items/0/image", "/nope"):
        refused(lambda address=address: locked.get(address), 401)
    for header in ("", "Bearer", "Bearer x", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN):
        refused(lambda header=header: locked.get("/info", headers={"Authorization": header}), 401)
    assert locked.get("/info").headers["WWW-Authenticate"] == 'Bearer realm="nextlabel"'


def test_the_token_is_accepted(locked):
    for header in (f"Bearer {TOKEN}", f"bearer  {TOKEN} "):
        assert locked.get("/info", headers={"Authorization": header}).status_code == 200


def test_health_checks_and_the_login_page_are_public(locked):
    for address in ("/healthz", "/readyz", "/login", "/static/style.css"):
        with locked.get(address) as response:
            assert response.status_code == 200


def test_a_browser_logs_in(locked):
    response = locked.get("/projects/digits/")
    assert (response.status_code, response.headers["Location"]) == (303, "/login?next=/projects/digits/")
    wrong = locked.post("/login", data={"token": "something else", "next": "/projects/digits/"})
    assert wrong.status_code == 401
    assert "Set-Cookie" not in wrong.headers
    right = locked.post("/login", data={"token": TOKEN, "next": "/projects/digits/"})
    assert (right.status_code, right.headers["Location"]) == (303, "/projects/digits/")
    cookie = right.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert locked.get("/projects/digits/").status_code == 200
    assert locked.post("/train").status_code == 202
    assert locked.post("/train", headers={"Origin": "http://evil.example"}).status_code == 403


def test_the_login_redirects_back_to_the_whole_url(locked):
    requested = "/projects/digits/pool?class=3&annotator=ann+b%C3%A9"
    response = locked.get(requested)
    query = parse_qs(urlsplit(response.headers["Location"]).query)
    assert query == {"next": [requested]}
    right = locked.post("/login", data={"token": TOKEN, "next": query["next"][0]})
    assert right.headers["Location"] == requested


def test_the_cookie_of_another_token_is_rejected(locked, problem):
    locked.set_cookie(COOKIE, cookie_for("another token"))
    problem(locked.get("/info"), 401)
    locked.set_cookie(COOKIE, "")
    problem(locked.get("/info"), 401)


def test_the_login_redirects_to_this_server_only():
    for address in (
        "//[",
        "http://[",
        "//\u2100.com",
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "evil",
        "",
        "javascript:alert(1)",
    ):
        assert safe_redirect(address) == "/"
    assert safe_redirect("/projects/digits/?x=1") == "/projects/digits/?x=1"


def test_the_token_is_never_shown(build, caplog):
    app = build(token=TOKEN)
    client = app.test_client()
    client.post("/login", data={"token": TOKEN + "x"})
    text = client.get("/info", headers={"Authorization": f"Bearer {TOKEN}"}).get_data(as_text=True)
    assert TOKEN not in text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(Guard.of(Settings.from_environment({}, token=TOKEN)))


@pytest.mark.parametrize("path", ["/login", "/projects/digits/progress", "/projects/digits/pool/0"])
@pytest.mark.parametrize("chunked", [False, True])
def test_large_forms_are_rejected(build, path, chunked):
    client = build().test_client()
    body = b"--b\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n" + bytes(1_000_000) + b"\r\n--b--\r\n"
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""} if chunked else {}
    with io.BytesIO(body) as sent:
        response = client.post(
            path, input_stream=sent, content_length=len(body), content_type="multipart/form-data; boundary=b",
            environ_overrides=environ,
        )  # fmt: skip
    assert response.status_code == 413
