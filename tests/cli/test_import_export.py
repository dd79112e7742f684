"""nextlabel import and nextlabel export on the command line."""

from __future__ import annotations

import json
from io import BytesIO

import pytest
from PIL import Image

from nextlabel import app

pytestmark = pytest.mark.slow


@pytest.fixture
def home(shell, quick):
    """A project with labels of two annotators."""
    shell("label", "quick", "5", "3", "8", "--annotator", "ann", "--key", "k")
    shell("label", "quick", "6", "--skip", "--annotator", 'b,"ob"')
    return quick


def history(settings, kind):
    """Return what HTTP streams."""
    web = app.create_app(settings)
    streamed = web.test_client().get(f"/projects/quick/labels?format={kind}").data
    web.extensions["nextlabel"].services.database.dispose()
    return streamed


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_exported_history_is_what_http_streams(shell, home, tmp_path, kind):
    result = shell.json("export", "quick", "--format", kind, "--out", str(tmp_path / "out"))
    assert result == {"project": "quick", "out": str(tmp_path / "out"), "format": kind, "labels": 22, "notes": []}
    assert (tmp_path / "out").read_bytes() == history(home, kind)
    assert shell("export", "quick", "--format", kind, "--out", "-").stdout_bytes == history(home, kind)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "imagefolder", "coco", "label-studio"])
def test_an_export_can_be_imported_elsewhere(shell, home, tmp_path, monkeypatch, kind):
    out = str(tmp_path / f"out.{kind}")
    before = [row for row in map(json.loads, history(home, "jsonl").splitlines()) if row["annotator"] != "dataset"]
    shell("export", "quick", "--format", kind, "--out", out)
    monkeypatch.setenv("NEXTLABEL_HOME", str(tmp_path / "elsewhere"))
    checked = shell.json("import", "quick", out, *_format(kind), "--dry-run")
    assert (checked["dry_run"], checked["labels"]) == (True, 2)
    result = shell.json("import", "quick", out, *_format(kind))
    assert (result["format"], result["labels"], result["present"], result["images"]) == (kind, 2, 20, 0)
    again = shell("import", "quick", out, *_format(kind)).stdout
    assert again == "0 labels stored; 22 already stored\n"
    there = home.model_copy(update={"home": tmp_path / "elsewhere"})
    rows = [row for row in map(json.loads, history(there, "jsonl").splitlines()) if row["annotator"] != "dataset"]
    assert rows == before


def _format(kind):
    return ["--format", kind] if kind in {"csv", "jsonl"} else []


def test_faults_are_listed_with_their_lines(shell, home, tmp_path):
    (tmp_path / "a.csv").write_text("id,label\n1,3\n2,thre\nnone,3\n")
    result = shell("import", "quick", str(tmp_path / "a.csv"), status=1)
    first, second, last = result.stderr.splitlines()
    assert first.startswith('line 3: no class "thre"')
    assert second == "line 4: there is no item 'none'"
    assert "nothing was stored" in last
    assert result.stdout == ""
    result = shell("import", "quick", str(tmp_path / "a.csv"), "--skip-faulty", "--annotator", "eve")
    assert result.stdout == "1 label stored; 2 left out\n"
    assert len(result.stderr.splitlines()) == 2
    result = shell.json("import", "quick", str(tmp_path / "a.csv"), "--skip-faulty", "--annotator", "eve")
    assert (result["labels"], result["present"], result["faulty"], len(result["faults"])) == (0, 1, 2, 2)


def test_images_from_a_folder(shell, home, tmp_path):
    (tmp_path / "tree" / "3").mkdir(parents=True)
    out = BytesIO()
    Image.effect_noise((20, 20), 60).save(out, "PNG")
    (tmp_path / "tree" / "3" / "a.png").write_bytes(out.getvalue())
    result = shell("import", "quick", str(tmp_path / "tree"), "--annotator", "eve").stdout
    assert result == "1 label and 1 image stored\n"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--format", "coco", "--out", "x", "--resolved"], "--resolved applies to csv, jsonl, not to coco"),
        (["--format", "csv", "--out", "x", "--predictions"], "needs --resolved"),
        (["--format", "csv", "--out", "x", "--copy-images"], "not to csv"),
        (["--format", "csv", "--out", "x", "--checkpoint", "r1"], "applies to onnx"),
        (["--format", "coco", "--out", "-"], "can be printed"),
        (["--format", "csv", "--out", "-", "--json"], "both print"),
        (["--format", "cvs", "--out", "x"], "cvs"),
        (["--format", "csv"], "--out"),
    ],
)
def test_options_that_do_not_apply(shell, quick, options, reason):
    assert reason in shell("export", "quick", *options, status=2).stderr


def test_the_folder_is_part_of_an_image_address(shell, home, tmp_path):
    out = tmp_path / "cats & dogs"
    shell.json("export", "quick", "--format", "label-studio", "--copy-images", "--out", str(out))
    tasks = json.loads((out / "tasks.json").read_text())
    assert all(task["data"]["image"].startswith("/data/local-files/?d=cats%20%26%20dogs/images/") for task in tasks)


def test_a_delimiter_is_one_character(shell, home, tmp_path):
    (tmp_path / "a.csv").write_text("id#label\n1#3\n")
    assert shell.json("import", "quick", str(tmp_path / "a.csv"), "--delimiter", "#")["labels"] == 1
    assert "one character" in shell("import", "quick", str(tmp_path / "a.csv"), "--delimiter", "##", status=2).stderr


def test_an_existing_file_is_replaced_only_on_request(shell, home, tmp_path):
    out = str(tmp_path / "a.csv")
    shell("export", "quick", "--format", "csv", "--out", out)
    assert "--force" in shell.refused("export", "quick", "--format", "csv", "--out", out)
    result = shell("export", "quick", "--format", "csv", "--out", out, "--force", "--resolved")
    assert result.stdout == f"{out}: 22 items\n"


def test_a_model_without_an_onnx_form(shell, trained, tmp_path):
    line = shell.refused("export", "quick", "--format", "onnx", "--out", str(tmp_path / "a.onnx"))
    assert "no ONNX form" in line
