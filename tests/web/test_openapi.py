from __future__ import annotations

import pytest


@pytest.fixture
def document(client):
    return client.get("/openapi.json").get_json()


def operations(document):
    return [
        (address, method, operation)
        for address, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_has_every_route_of_the_api_and_no_other(app, document):
    served = set()
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("pages.") or rule.endpoint == "static":
            continue
        address = rule.rule.replace("<path:", "{").replace("<", "{").replace(">", "}")
        served |= {(address, method.lower()) for method in rule.methods & {"GET", "POST", "DELETE", "PUT", "PATCH"}}
    assert {(address, method) for address, method, _ in operations(document)} == served


def test_routes_of_a_project_are_those_of_the_root(document):
    paths = document["paths"]
    prefixed = {address.removeprefix("/projects/{project}") for address in paths if "{project}" in address}
    of_server = {"/info", "/healthz", "/metrics", "/openapi.json"}
    assert prefixed == {address for address in paths if "{project}" not in address} - of_server
    for address in prefixed:
        for method, operation in paths["/projects/{project}" + address].items():
            (first, *rest) = operation["parameters"]
            assert (first["name"], first["in"]) == ("project", "path")
            assert rest == paths[address][method].get("parameters", [])
            assert operation["responses"] == paths[address][method]["responses"]


def test_operations_are_complete(document):
    entries = operations(document)
    assert len({operation["operationId"] for _, _, operation in entries}) == len(entries)
    for address, _, operation in entries:
        assert operation["summary"]
        assert {"403", "500"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            assert response["description"]
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
        names = [parameter["name"] for parameter in operation.get("parameters", [])]
        assert [name for name in names if f"{{{name}}}" in address] == [
            parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"
        ]


def test_every_reference_has_a_schema(document):
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    def walk(value):
        if isinstance(value, dict):
            if "$ref" in value:
                assert value["$ref"] in known
            for entry in value.values():
                walk(entry)
        elif isinstance(value, list):
            for entry in value:
                walk(entry)

    walk(document)


def test_a_server_with_a_token_documents_it(build, document):
    locked = build(token="a long token").test_client()
    secured = locked.get("/openapi.json", headers={"Authorization": "Bearer a long token"}).get_json()
    assert secured["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    for address, _, operation in operations(secured):
        is_open = address.endswith(("/healthz", "/readyz"))
        assert ("401" in operation["responses"]) == (operation.get("security") == [{"token": []}]) == (not is_open)
    assert all("401" not in operation["responses"] for _, _, operation in operations(document))


def test_limits_of_the_settings_are_in_the_document(build):
    document = build(max_labels=12, max_batch=7, max_query=34).test_client().get("/openapi.json").get_json()
    schemas = document["components"]["schemas"]
    assert schemas["Labels"]["properties"]["labels"]["maxItems"] == 12
    assert schemas["PredictIds"]["properties"]["ids"]["maxItems"] == 7
    assert schemas["PredictVectors"]["properties"]["vectors"]["maxItems"] == 7
    for address in ("/query", "/projects/{project}/query"):
        parameters = document["paths"][address]["get"]["parameters"]
        (size,) = (parameter for parameter in parameters if parameter["name"] == "size")
        assert size["schema"]["maximum"] == 34
