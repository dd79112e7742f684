-- The tables of a home folder that nextlabel created at commit e294477, as SQLite stores them.
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE projects (
    name VARCHAR NOT NULL,
    task VARCHAR NOT NULL,
    classes JSON NOT NULL,
    known_truth BOOLEAN NOT NULL,
    has_test BOOLEAN NOT NULL,
    imported DOUBLE NOT NULL,
    live VARCHAR,
    queries INTEGER NOT NULL,
    CONSTRAINT pk_projects PRIMARY KEY (name)
);
CREATE TABLE items (
    project VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    id VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    path VARCHAR,
    media_type VARCHAR,
    holdout BOOLEAN NOT NULL,
    added DOUBLE NOT NULL,
    CONSTRAINT pk_items PRIMARY KEY (project, position),
    CONSTRAINT ck_items_source CHECK (source IN ('array', 'file', 'upload')),
    CONSTRAINT fk_items_projects FOREIGN KEY(project) REFERENCES projects (name)
)
 WITHOUT ROWID;
CREATE UNIQUE INDEX ix_items_id ON items (project, id);
CREATE TABLE labels (
    project VARCHAR NOT NULL,
    id BIGINT NOT NULL,
    position INTEGER NOT NULL,
    annotator VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    candidates TEXT,
    value DOUBLE,
    time DOUBLE NOT NULL,
    "key" VARCHAR,
    "query" VARCHAR,
    CONSTRAINT pk_labels PRIMARY KEY (project, id),
    CONSTRAINT ck_labels_candidates CHECK ((kind = 'candidates') = (candidates IS NOT NULL)),
    CONSTRAINT ck_labels_value CHECK ((kind = 'value') = (value IS NOT NULL)),
    CONSTRAINT ck_labels_kind CHECK (kind IN ('candidates', 'value', 'skip', 'retract')),
    CONSTRAINT fk_labels_items FOREIGN KEY(project, position) REFERENCES items (project, position)
)
 WITHOUT ROWID;
CREATE INDEX ix_labels_position ON labels (project, position);
CREATE TABLE submissions (
    project VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    accepted INTEGER NOT NULL,
    time DOUBLE NOT NULL,
    CONSTRAINT pk_submissions PRIMARY KEY (project, "key"),
    CONSTRAINT fk_submissions_projects FOREIGN KEY(project) REFERENCES projects (name)
)
 WITHOUT ROWID;
CREATE TABLE queries (
    id VARCHAR NOT NULL,
    project VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    time DOUBLE NOT NULL,
    annotator VARCHAR,
    strategy VARCHAR NOT NULL,
    parameters JSON NOT NULL,
    seed BIGINT NOT NULL,
    checkpoint VARCHAR,
    scoring INTEGER,
    rows INTEGER NOT NULL,
    last_label BIGINT NOT NULL,
    size INTEGER NOT NULL,
    excluded JSON NOT NULL,
    chosen JSON NOT NULL,
    CONSTRAINT pk_queries PRIMARY KEY (id),
    CONSTRAINT fk_queries_projects FOREIGN KEY(project) REFERENCES projects (name)
);
CREATE UNIQUE INDEX ix_queries_number ON queries (project, number);
CREATE TABLE leases (
    project VARCHAR NOT NULL,
    position INTEGER NOT NULL,
    annotator VARCHAR NOT NULL,
    "query" VARCHAR NOT NULL,
    expires DOUBLE NOT NULL,
    score DOUBLE NOT NULL,
    reason VARCHAR NOT NULL,
    CONSTRAINT pk_leases PRIMARY KEY (project, position, annotator),
    CONSTRAINT ck_leases_reason CHECK (reason IN ('strategy', 'control', 'holdout')),
    CONSTRAINT fk_leases_items FOREIGN KEY(project, position) REFERENCES items (project, position)
)
 WITHOUT ROWID;
CREATE INDEX ix_leases_query ON leases ("query");
CREATE TABLE jobs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    state VARCHAR NOT NULL,
    progress DOUBLE NOT NULL,
    metrics JSON NOT NULL,
    error TEXT,
    parameters JSON NOT NULL,
    created DOUBLE NOT NULL,
    started DOUBLE,
    finished DOUBLE,
    owner VARCHAR,
    cancel BOOLEAN NOT NULL,
    CONSTRAINT ck_jobs_kind CHECK (kind IN ('import', 'train', 'score', 'evaluate')),
    CONSTRAINT ck_jobs_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'interrupted'))
);
CREATE UNIQUE INDEX ix_jobs_one_training ON jobs (project) WHERE kind = 'train' AND state IN ('queued', 'running');
CREATE INDEX ix_jobs_unfinished ON jobs (id) WHERE state IN ('queued', 'running');
CREATE TABLE checkpoints (
    project VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    number INTEGER NOT NULL,
    job INTEGER,
    created DOUBLE NOT NULL,
    metrics JSON NOT NULL,
    card JSON NOT NULL,
    verdict VARCHAR NOT NULL,
    folder VARCHAR NOT NULL,
    CONSTRAINT pk_checkpoints PRIMARY KEY (project, name),
    CONSTRAINT fk_checkpoints_jobs FOREIGN KEY(job) REFERENCES jobs (id),
    CONSTRAINT fk_checkpoints_projects FOREIGN KEY(project) REFERENCES projects (name)
);
CREATE UNIQUE INDEX ix_checkpoints_number ON checkpoints (project, number);
CREATE TABLE scorings (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project VARCHAR NOT NULL,
    checkpoint VARCHAR NOT NULL,
    rows INTEGER NOT NULL,
    arrays JSON NOT NULL,
    folder VARCHAR NOT NULL,
    created DOUBLE NOT NULL,
    last_label BIGINT NOT NULL,
    CONSTRAINT fk_scorings_projects FOREIGN KEY(project) REFERENCES projects (name)
);
CREATE INDEX ix_scorings_checkpoint ON scorings (project, checkpoint);
INSERT INTO alembic_version VALUES ('0001');
