"""The progress page: its measurements, its buttons, and that it works without its script."""

from __future__ import annotations

import re
import shutil
import sqlite3

import pytest

pytestmark = pytest.mark.slow

PAGE = "/projects/digits/progress"
HTML = {"Accept": "text/html"}


def shown(client, address=PAGE, status=200):
    answer = client.get(address, headers=HTML)
    assert answer.status_code == status
    return answer.get_data(as_text=True)


def plain(text):
    """Return the text without tags, with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)).replace("\N{NO-BREAK SPACE}", " ")


def change(settings, statement, *values):
    connection = sqlite3.connect(settings.home / "nextlabel.db")
    with connection:
        connection.execute(statement, values)
    connection.close()


@pytest.fixture
def twice(settings):
    """A second checkpoint of `digits`: r2 is a copy of r1, and live."""
    change(
        settings,
        "INSERT INTO checkpoints SELECT project, 'r2', 2, job, created + 1, metrics, card, verdict, folder, promoted "
        "FROM checkpoints WHERE name = 'r1'",
    )
    change(settings, "UPDATE projects SET live = 'r2'")


def label(client, item, annotator, *names):
    body = {"annotator": annotator, "labels": [{"id": item, "candidates": names}]}
    assert client.post("/labels", json=body).status_code == 201


def open_items(client, count):
    return [item["id"] for item in client.get(f"/query?size={count}&strategy=random").get_json()["items"]]


def test_accuracy_and_its_interval(client):
    metrics = client.get("/checkpoints").get_json()["checkpoints"][0]["metrics"]
    text = plain(shown(client))
    assert f"{100 * metrics['accuracy']:.1f} %" in text
    assert f"on {metrics['holdout']:.0f} hold-out items" in text
    low, high = map(float, re.search(r"\((\d+\.\d) % to (\d+\.\d) %\)", text).groups())
    assert low < 100 * metrics["accuracy"] < high


def test_the_test_split_is_shown(client, settings):
    assert "test split" not in plain(shown(client)).lower()
    change(settings, "UPDATE checkpoints SET metrics = json_set(metrics, '$.test_accuracy', 0.8125)")
    text = shown(client)
    assert "Accuracy on the data set's own test split: 81.2 %. No verdict, goal or query uses it." in plain(text)
    table = re.search(r"<table class=\"rows checkpoints\">.*?</table>", text, re.DOTALL).group()
    assert "test split: 81.2 %" in plain(table)


def test_the_accuracy_on_items_without_a_label_is_shown_with_its_limits(client, settings):
    assert "nobody had labelled" not in plain(shown(client))
    change(settings, "UPDATE checkpoints SET metrics = json_set(metrics, '$.unlabelled_accuracy', 0.8125)")
    text = shown(client)
    assert "Accuracy on the items that nobody had labelled: 81.2 %. A transductive learner" in plain(text)
    assert "uses these items unlabelled. No verdict, goal or query uses this number." in plain(text)
    table = re.search(r"<table class=\"rows checkpoints\">.*?</table>", text, re.DOTALL).group()
    assert "items without a label: 81.2 %" in plain(table)


NO_HOLD_OUT = "There is no hold-out: each new checkpoint goes live without a comparison."


def test_a_project_without_a_hold_out_states_it(build, trained, settings, tmp_path):
    project = (trained / "projects" / "digits.toml").read_text()
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "digits.toml").write_text(project + "holdout = 0.0\n")
    change(settings, "UPDATE items SET holdout = 0")
    change(settings, "UPDATE checkpoints SET metrics = json_remove(metrics, '$.accuracy', '$.holdout')")
    text = plain(shown(build(projects=tmp_path / "projects").test_client()))
    assert f"r1 is live. {NO_HOLD_OUT}" in text
    assert "unknown" not in text
    assert "there is no hold-out to compare classes on" in text  # instead of the confusion matrix


def test_a_pool_that_has_no_held_out_item_yet_does_not_lack_a_hold_out(client, settings):
    change(settings, "UPDATE items SET holdout = 0")
    change(settings, "UPDATE checkpoints SET job = NULL")
    text = plain(shown(client))
    assert NO_HOLD_OUT not in text
    assert "It is a bundled checkpoint, measured by its author. No held-out item is labelled yet: until one is," in text


def test_a_bundled_checkpoint_can_be_compared_on_a_labelled_hold_out(client, settings):
    change(settings, "UPDATE checkpoints SET job = NULL")
    text = plain(shown(client))
    assert "It is a bundled checkpoint, measured by its author." in text
    assert "No held-out item is labelled yet" not in text


def test_a_hold_out_without_labels_is_stated(client, settings):
    change(settings, "UPDATE checkpoints SET metrics = json_remove(metrics, '$.accuracy', '$.holdout')")
    text = plain(shown(client))
    assert "Until one has, each new checkpoint goes live without a comparison." in text
    assert NO_HOLD_OUT not in text


def test_the_learner_is_named(client):
    assert "Learner: cnn." in plain(shown(client))


def test_the_label_budget_counts_training_labels(build, trained, tmp_path):
    project = (trained / "projects" / "digits.toml").read_text()
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "digits.toml").write_text(project + "[stop]\nlabels = 22\n")
    client = build(projects=tmp_path / "projects").test_client()
    for item in open_items(client, 3):
        label(client, item, "ann", "3")
    assert "r1 was trained on 20 of at most 22 labels." in plain(shown(client))
    assert client.get("/status").get_json()["reached"] is False


def test_the_chart_conforms_to_the_security_policy(client, twice):
    text = shown(client)
    wide, narrow = re.findall(r"<svg[^>]*role=\"img\".*?</svg>", text, re.DOTALL)
    for chart in (wide, narrow):
        assert "aria-label=" in chart
        assert not re.search(r"<style|<script|style=|<!--|href", chart)
        titles = re.findall(r"<title>(.*?)</title>", chart)
        assert len(titles) == 2
        assert re.match(r"r1: 20 labelled items, accuracy .* 95 % interval", plain(titles[0]))
        assert titles[1].startswith("r2 (live)")


def test_the_table_of_checkpoints(client, twice):
    table = re.search(r"<table class=\"rows checkpoints\">.*?</table>", shown(client), re.DOTALL).group()
    rows = [plain(row) for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)]
    assert "r2 live" in rows[1]
    assert "Roll back to r1" in rows[2]
    assert " 20 " in rows[2]
    assert "the first checkpoint of this project" in rows[2]


def test_promote_an_older_and_a_newer_checkpoint(client, twice):
    answer = client.post(PAGE, data={"promote": "r1"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{PAGE}?promoted=r1"
    text = plain(shown(client, answer.headers["Location"]))
    assert "r1 is live and makes every prediction from now on." in text
    assert "Promote r2" in text
    assert "rolled back" in text
    assert client.post("/predict", json={"ids": ["0"]}).get_json()["checkpoint"] == "r1"
    client.post(PAGE, data={"promote": "r2"})
    # an old address shows the present state
    assert "r2 is live now." in plain(shown(client, answer.headers["Location"]))


def test_a_checkpoint_without_files_cannot_be_promoted(client, settings, twice):
    shutil.copytree(settings.home / "checkpoints/digits/r1", settings.home / "checkpoints/digits/r2")
    change(settings, "UPDATE checkpoints SET folder = replace(folder, 'r1', 'r2') WHERE name = 'r2'")
    shutil.rmtree(settings.home / "checkpoints/digits/r1")
    text = plain(shown(client))
    assert "files missing" in text
    assert "Roll back to r1" not in text
    answer = client.post(PAGE, data={"promote": "r1"}, headers=HTML)
    assert answer.status_code == 410
    assert re.search(r'role="alert">[^<]*there is no checkpoint', answer.get_data(as_text=True))
    assert client.get("/checkpoints").get_json()["checkpoints"][1]["live"]


def test_train_button(client):
    answer = client.post(PAGE, data={"train": "now"})
    assert answer.status_code == 303
    text = plain(shown(client, answer.headers["Location"]))
    job = client.get("/jobs").get_json()["jobs"][0]
    assert f"Training job {job['job']} is queued." in text
    assert f"Training job {job['job']} is queued or running." in text
    again = client.post(PAGE, data={"train": "now"}, headers=HTML)
    assert again.status_code == 409
    assert "already trains" in again.get_data(as_text=True)


def test_cancel_button(client):
    job = client.post("/train").get_json()["job"]
    assert f'data-running="{job}"' in shown(client)
    assert f'name="cancel" value="{job}"' in shown(client, f"{PAGE}/jobs")
    answer = client.post(PAGE, data={"cancel": str(job)})
    assert answer.status_code == 303
    assert f"Job {job} is cancelled." in plain(shown(client, answer.headers["Location"]))
    assert 'data-running=""' in shown(client)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({}, 422),
        ({"train": "later"}, 422),
        ({"cancel": "x"}, 422),
        ({"cancel": "999"}, 404),
        ({"promote": "nope"}, 404),
        ({"burn": "1"}, 422),
    ],
    ids=str,
)
def test_invalid_actions_change_nothing(client, stored, data, status):
    before = stored()
    answer = client.post(PAGE, data=data, headers=HTML)
    assert answer.status_code == status
    assert re.search(r'id="error" class="error" role="alert">[^<]', answer.get_data(as_text=True))
    assert stored() == before


def test_another_site_cannot_use_the_buttons(client, stored):
    before = stored()
    for data in ({"train": "now"}, {"promote": "r1"}):
        answer = client.post(PAGE, data=data, headers={**HTML, "Origin": "http://elsewhere.example"})
        assert answer.status_code == 403
    assert stored() == before


def test_new_labels_since_the_training_are_counted(client):
    first, second = open_items(client, 2)
    assert "No new labels since r1 was trained." in plain(shown(client))
    label(client, first, "ann", "1")
    label(client, second, "ann", "1", "7")
    new = "2 new labels since r1 was trained, including skips and retractions."
    assert f"{new} 2 labels in the last hour." in plain(shown(client))
    assert re.search(r"ann 1 1 0 0 2 \d{4}-", plain(shown(client)))


def test_where_annotators_disagree(client):
    (item,) = open_items(client, 1)
    assert "Nowhere: the labels of each item have a class in common." in plain(shown(client))
    label(client, item, "ann", "1")
    label(client, item, "bob", "7")
    for address in (PAGE, "/projects/digits/disagreements"):
        text = shown(client, address)
        assert f'href="/projects/digits/pool/{item}"' in text
        assert "ann: 1" in text
        assert "bob: 7" in text


def test_possible_label_errors(client):
    items = open_items(client, 30)
    for item in items:
        prediction = client.post("/predict", json={"ids": [item]}).get_json()
        label(client, item, "ann", list(prediction["probabilities"])[-1])
    assert "whose label has a probability below 5 % according to r1" in plain(shown(client))
    text = shown(client, "/projects/digits/second-look")
    total = int(re.search(r"(\d+) labelled items? whose", plain(text)).group(1))
    assert 0 < total <= 30
    assert len(re.findall(r'href="/projects/digits/pool/\d+"', text)) == total


def test_each_cell_of_the_confusion_matrix_links_to_its_items(client):
    text = shown(client)
    matrix = re.search(r'<table class="heat.*?</table>', text, re.DOTALL).group()
    cells = re.findall(r'<td class="h[1-5][^"]*"><a href="([^"]+)"[^>]*>(\d+)<', matrix)
    metrics = client.get("/checkpoints").get_json()["checkpoints"][0]["metrics"]
    assert sum(int(count) for _, count in cells) == metrics["holdout"]
    address, count = cells[1]
    page = shown(client, address.replace("&amp;", "&"))
    assert len(re.findall(r'<a href="/projects/digits/pool/', page)) == min(int(count), 48)
    assert f"{count} hold-out item" in plain(page)


def test_a_large_confusion_matrix_is_cut(client, monkeypatch):
    assert "with the most mistakes" not in shown(client)
    monkeypatch.setattr("nextlabel.engine.progress.confusion._MAX_CLASSES", 4)
    matrix = re.search(r'<table class="heat.*?</table>', shown(client), re.DOTALL).group()
    assert "Only the 4 of 10 classes with the most mistakes are shown." in matrix
    assert matrix.count('<th scope="col">') == matrix.count('<th scope="row">') == 4


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ("true=nope&predicted=1", 404, "no class is called"),
        (f"true={300 * 'n'}&predicted=1", 404, "no class is called"),
        ("true=1", 422, "predicted"),
        ("true=1&predicted=2&page=0", 422, "page"),
        ("true=1&predicted=2&page=x", 422, "page"),
    ],
)
def test_invalid_cells_are_errors(client, query, status, reason):
    text = shown(client, f"/projects/digits/confusion?{query}", status)
    assert 'role="alert"' in text
    assert reason in text


def test_confusion_without_a_cell_redirects_to_the_matrix(client):
    answer = client.get("/projects/digits/confusion")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/projects/digits/progress#confusion"


def test_a_page_after_the_last_is_empty(client):
    assert "<p>None.</p>" in shown(client, "/projects/digits/disagreements?page=7")


def test_without_a_control_arm_nothing_is_measured(client):
    assert "Not measured: this project draws no items at random." in plain(shown(client))


def test_the_page_links_to_older_jobs(client):
    for _ in range(9):
        client.delete(f"/jobs/{client.post('/train').get_json()['job']}")
    text = shown(client)
    assert len(re.findall(r'<li class="job ', text)) == 8
    older = re.search(r'href="(/projects/digits/progress/jobs\?before=\d+)">Older jobs', text).group(1)
    jobs = client.get("/jobs").get_json()["jobs"]
    assert len(re.findall(r'<li class="job ', shown(client, older))) == len(jobs) - 8


def test_without_any_model(build, settings, tmp_path):
    app = build(home=tmp_path / "new", trained=tmp_path)
    app.extensions["nextlabel"].services.database.migrate()
    client = app.test_client()
    text = plain(shown(client))
    assert "No model has been trained yet, and the data set has not been read." in text
    assert "Every training adds a point here" in text
    assert "has not been read yet." in text
    assert client.post(PAGE, data={"train": "now"}).status_code == 303


def test_without_scores_the_page_names_what_is_missing(client, settings):
    change(settings, "DELETE FROM scorings")
    text = plain(shown(client))
    assert text.count("r1 has not scored the pool yet.") == 2
    assert "r1 has not scored" in shown(client, "/projects/digits/confusion?true=1&predicted=2", 503)
