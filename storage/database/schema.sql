-- edged.db as it is now; `storage.migrations` brings earlier ones here. Times are milliseconds: *_wall_ms UTC since
-- 1970, *_boottime_ms CLOCK_BOOTTIME of the boot named beside it. Cameras and volumes go by number inside, because
-- 20 million segments repeat them.

-- What a boot has seen of its clocks, by its last heartbeat, from which `storage.credit` tells how long the box was off
-- before it. `began_ms`: 0, but for a boot that came of boottime running backwards. `lead_us`: MONOTONIC_RAW minus
-- BOOTTIME; `lag_us`, `gain_us`: what the slower and the faster of them have told less and more (`storage.ages`).
-- `synced_first_ms`, `synced_last_ms`: boottime at which the wall clock was known to be synchronised. `offset_*`,
-- `synced_least_ms`, `synced_most_ms`, `rtc_*`: a clock minus boottime.
CREATE TABLE boots (
    number INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,
    ran_ms INTEGER NOT NULL CHECK (ran_ms >= 0),
    off_low_ms INTEGER NOT NULL DEFAULT 0 CHECK (off_low_ms >= 0),
    off_high_ms INTEGER CHECK (off_high_ms >= off_low_ms),
    off_word TEXT NOT NULL DEFAULT 'unproven',
    attested_ms INTEGER,
    began_ms INTEGER NOT NULL DEFAULT 0,
    lead_us INTEGER,
    lag_us INTEGER NOT NULL DEFAULT 0 CHECK (lag_us >= 0),
    gain_us INTEGER NOT NULL DEFAULT 0 CHECK (gain_us >= 0),
    offset_last_ms INTEGER,
    offset_most_ms INTEGER,
    synced_first_ms INTEGER,
    synced_last_ms INTEGER,
    synced_least_ms INTEGER,
    synced_most_ms INTEGER,
    rtc_first_ms INTEGER,
    rtc_last_ms INTEGER
) STRICT;

-- How far the clocks of a boot had drifted apart, written when that has changed (`storage.catalog.boots`).
CREATE TABLE paces (
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    lag_us INTEGER NOT NULL,
    gain_us INTEGER NOT NULL,
    PRIMARY KEY (boot, boottime_ms)
) STRICT, WITHOUT ROWID;

-- Two people say how long the box was off at the least. Names and reason live here only, so that they can be erased.
CREATE TABLE attestations (
    id INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL REFERENCES boots (number),
    off_ms INTEGER NOT NULL CHECK (off_ms > 0),
    wall_ms INTEGER NOT NULL,
    asked_by TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- One row for each life of the daemon. `alive_*` is its last heartbeat; `clean` says that it ended in order.
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL REFERENCES boots (number),
    start_wall_ms INTEGER NOT NULL,
    start_boottime_ms INTEGER NOT NULL,
    alive_wall_ms INTEGER NOT NULL,
    alive_boottime_ms INTEGER NOT NULL CHECK (alive_boottime_ms >= start_boottime_ms),
    clean INTEGER NOT NULL DEFAULT 0 CHECK (clean IN (0, 1))
) STRICT;

-- Clock epochs: between two of them wall clock and boottime ran side by side. `true_offset_ms`: the wall clock minus
-- boottime, as it was found to be once it was synchronised, for what was recorded before (storage.catalog.corrections).
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL REFERENCES boots (number),
    wall_ms INTEGER NOT NULL,
    boottime_ms INTEGER NOT NULL,
    synced INTEGER NOT NULL CHECK (synced IN (0, 1)),
    true_offset_ms INTEGER
) STRICT;

CREATE INDEX epochs_by_boot ON epochs (boot, boottime_ms);
CREATE INDEX epochs_corrected ON epochs (number) WHERE true_offset_ms IS NOT NULL;

-- `retired`: takes no more footage, and stays governed. `mirrored`: the last leaf that its mirror has. `reconciled`: what
-- lies there is known to this database; until then nothing there is destroyed (storage.repair.rebuild).
-- `mount`: the mount point that it was last found on. `away`: as its last leaf tells. `lost`: gone for good, and what
-- with it (storage.catalog.volumes.Loss, JSON); null for all others.
CREATE TABLE volumes (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    path TEXT NOT NULL,
    retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1)),
    mirrored INTEGER NOT NULL DEFAULT 0,
    mount TEXT NOT NULL DEFAULT '',
    away INTEGER NOT NULL DEFAULT 0 CHECK (away IN (0, 1)),
    lost TEXT,
    reconciled INTEGER NOT NULL DEFAULT 0 CHECK (reconciled IN (0, 1))
) STRICT;

-- `covered_*`: up to here each instant belongs to a segment or to a gap (S9). `longest_ms`: of its segments, so that a
-- search by time knows how far before an interval it must begin.
CREATE TABLE cameras (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    known_since_ms INTEGER NOT NULL,
    enrolled_run INTEGER NOT NULL REFERENCES runs (number),
    next_seq INTEGER NOT NULL CHECK (next_seq >= 1),
    last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq < next_seq),
    last_sha256 BLOB CHECK (length(last_sha256) = 32),
    longest_ms INTEGER NOT NULL DEFAULT 0,
    covered_boot INTEGER NOT NULL REFERENCES boots (number),
    covered_wall_ms INTEGER NOT NULL,
    covered_boottime_ms INTEGER NOT NULL
) STRICT;

-- `name` is the path on the volume where it is not the one that follows from camera, start and seq (quarantine).
-- `camera_offset_ms`: the camera's own clock minus ours, null where it did not tell. `pins`: how many hold it (S2).
-- `leaf`: the one that tells of it.
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras (number),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    volume INTEGER NOT NULL REFERENCES volumes (number),
    state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'quarantined', 'garbage')),
    run INTEGER NOT NULL REFERENCES runs (number),
    boot INTEGER NOT NULL REFERENCES boots (number),
    start_boottime_ms INTEGER NOT NULL,
    start_wall_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL DEFAULT 0 CHECK (duration_ms >= 0),
    bytes INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    sha256 BLOB CHECK (length(sha256) = 32),
    video_frames INTEGER NOT NULL DEFAULT 0 CHECK (video_frames >= 0),
    floor_s INTEGER NOT NULL CHECK (floor_s >= 0),
    ceiling_s INTEGER NOT NULL CHECK (ceiling_s >= floor_s),
    epoch INTEGER NOT NULL,
    synced INTEGER NOT NULL CHECK (synced IN (0, 1)),
    unproven INTEGER NOT NULL DEFAULT 0 CHECK (unproven IN (0, 1)),
    name TEXT,
    camera_offset_ms INTEGER,
    pins INTEGER NOT NULL DEFAULT 0 CHECK (pins >= 0),
    leaf INTEGER,
    CHECK ((state = 'open') = (sha256 IS NULL)),
    CHECK (state <> 'quarantined' OR name IS NOT NULL)
) STRICT;

-- By time, covering what coverage and rates need; `state` ends it, or SQLite would look into the table for it.
CREATE INDEX segments_by_time ON segments (camera, start_wall_ms, duration_ms, bytes, state) WHERE state = 'committed';
-- By age within equal terms: whoever leads such a group is past its bounds first, so a sweep looks at heads only.
-- What is pinned is not in it: it would stand before what may go.
CREATE INDEX segments_by_age ON segments (volume, camera, floor_s, ceiling_s, boot, start_boottime_ms)
    WHERE state IN ('committed', 'quarantined') AND pins = 0;
CREATE INDEX segments_pinned ON segments (volume, camera, floor_s, ceiling_s, boot, start_boottime_ms) WHERE pins > 0;
CREATE UNIQUE INDEX segments_by_seq ON segments (camera, seq) WHERE name IS NULL;
CREATE UNIQUE INDEX segments_by_name ON segments (volume, name) WHERE name IS NOT NULL;
-- What a wall clock that nobody vouched for has named, by boottime: by true time, once that is known.
CREATE INDEX segments_unsynced ON segments (camera, epoch, start_boottime_ms) WHERE synced = 0 AND state = 'committed';
CREATE INDEX segments_open ON segments (camera, seq) WHERE state = 'open';
CREATE INDEX segments_garbage ON segments (volume) WHERE state = 'garbage';

-- What lies on the volumes, kept in the transactions that change it; garbage counts until it is unlinked.
CREATE TABLE holdings (
    volume INTEGER NOT NULL REFERENCES volumes (number),
    camera INTEGER NOT NULL REFERENCES cameras (number),
    floor_s INTEGER NOT NULL,
    ceiling_s INTEGER NOT NULL,
    segments INTEGER NOT NULL CHECK (segments > 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (volume, camera, floor_s, ceiling_s)
) STRICT;

-- Why a segment that is garbage had to go: what its tombstone will say. As many rows as there is garbage.
CREATE TABLE condemned (
    segment INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    rule TEXT NOT NULL CHECK (rule IN ('ceiling', 'space', 'overwrite')),
    floor_s INTEGER NOT NULL,
    ceiling_s INTEGER NOT NULL,
    age_ms INTEGER NOT NULL
) STRICT;

-- Floor and ceiling of a camera as configured from a point on; both null: configured no longer. A shortened ceiling
-- waits (storage.ring.bounds), also over restarts; what no wait hangs on any more is not here.
CREATE TABLE terms (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras (number),
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    floor_s INTEGER CHECK (floor_s >= 0),
    ceiling_s INTEGER CHECK (ceiling_s >= floor_s),
    CHECK ((floor_s IS NULL) = (ceiling_s IS NULL))
) STRICT;

CREATE INDEX terms_by_camera ON terms (camera, boot, boottime_ms);

-- Whether `on_full = "overwrite"` is configured, and from which point on: turned on it waits likewise. Without a point:
-- from before anything was recorded. Without a row nobody knows, and what is stamped holds.
CREATE TABLE overwriting (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    is_on INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    boot INTEGER REFERENCES boots (number),
    boottime_ms INTEGER,
    wall_ms INTEGER,
    CHECK ((boot IS NULL) = (boottime_ms IS NULL) AND (boot IS NULL) = (wall_ms IS NULL))
) STRICT;

-- Floors, ceilings and `on_full` as two persons agreed upon them, or as first configured: what loosens one of them waits
-- for a second person (storage.ring.agreed). `leaf`: the number of the leaf that says so.
CREATE TABLE agreed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    leaf INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- Footage destroyed below its floor because nothing else could go (`on_full = "overwrite"`): since when it goes on, when
-- it last happened, and to how many segments.
CREATE TABLE breaches (
    camera INTEGER PRIMARY KEY REFERENCES cameras (number),
    since_boot INTEGER NOT NULL REFERENCES boots (number),
    since_boottime_ms INTEGER NOT NULL,
    since_wall_ms INTEGER NOT NULL,
    last_boot INTEGER NOT NULL REFERENCES boots (number),
    last_boottime_ms INTEGER NOT NULL,
    last_wall_ms INTEGER NOT NULL,
    segments INTEGER NOT NULL CHECK (segments >= 1)
) STRICT;

-- When there was footage that was destroyed in its time, joined to spans: a hole in the catalog that is none (S9).
CREATE TABLE destroyed (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras (number),
    boot INTEGER NOT NULL REFERENCES boots (number),
    start_boottime_ms INTEGER NOT NULL,
    start_wall_ms INTEGER NOT NULL,
    end_boottime_ms INTEGER NOT NULL CHECK (end_boottime_ms >= start_boottime_ms),
    end_wall_ms INTEGER NOT NULL
) STRICT;

CREATE INDEX destroyed_by_end ON destroyed (camera, boot, end_boottime_ms);
CREATE INDEX destroyed_by_wall ON destroyed (camera, end_wall_ms);

-- `inside`: a pause within what is recorded (`storage.catalog.holes`), no link of the chain of claims. `pauses`: of one
-- that joins several, only these are missing: [[ms since its start, ms that it lasted], …]. `leaf`: the last that tells of
-- it as it is.
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras (number),
    boot INTEGER NOT NULL REFERENCES boots (number),
    start_wall_ms INTEGER NOT NULL,
    start_boottime_ms INTEGER NOT NULL,
    end_boot INTEGER REFERENCES boots (number),
    end_wall_ms INTEGER,
    end_boottime_ms INTEGER,
    cause TEXT NOT NULL,
    detail TEXT NOT NULL,
    inside INTEGER NOT NULL DEFAULT 0 CHECK (inside IN (0, 1)),
    pauses TEXT,
    leaf INTEGER,
    beneath TEXT,
    CHECK ((end_boot IS NULL) = (end_wall_ms IS NULL) AND (end_boot IS NULL) = (end_boottime_ms IS NULL)),
    CHECK (end_boot IS NULL OR (end_boot, end_boottime_ms) >= (boot, start_boottime_ms))
) STRICT;

CREATE UNIQUE INDEX gaps_open ON gaps (camera) WHERE end_boot IS NULL;
CREATE INDEX gaps_by_end ON gaps (camera, end_wall_ms);
-- In the order of a listing, with what decides whether a gap touches an interval: a page is read, not all and sorted.
CREATE INDEX gaps_by_time ON gaps (camera, start_wall_ms, id, end_wall_ms);
-- The few that may reach far into what follows, so that a listing looks only an hour back for all others.
CREATE INDEX gaps_long ON gaps (camera, start_wall_ms, id, end_wall_ms)
    WHERE end_wall_ms IS NULL OR end_wall_ms - start_wall_ms > 3600000;
CREATE INDEX gaps_by_age ON gaps (camera, boot, start_boottime_ms);

-- 維護: while one lasts, what is not recorded has that cause (storage.catalog.windows). `cameras`: in JSON, none for the
-- whole box. `span_ms`: how long it lasts at the most, in running time. `leaf`: behind it lie names and reason.
CREATE TABLE maintenances (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('lasting', 'ended', 'lapsed')),
    cameras TEXT NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    span_ms INTEGER NOT NULL CHECK (span_ms > 0),
    leaf INTEGER,
    end_boot INTEGER REFERENCES boots (number),
    end_boottime_ms INTEGER,
    end_wall_ms INTEGER,
    CHECK ((state = 'lasting') = (end_boot IS NULL)),
    CHECK ((end_boot IS NULL) = (end_wall_ms IS NULL) AND (end_boot IS NULL) = (end_boottime_ms IS NULL))
) STRICT;
CREATE UNIQUE INDEX maintenances_lasting ON maintenances (state) WHERE state = 'lasting';
CREATE INDEX maintenances_by_end ON maintenances (end_boot, end_boottime_ms);

-- 異常通報: `occurrence` stays the same while a condition comes and goes within an hour. `names`: of people it is about,
-- which leave the box nowhere. `boot`, `boottime_ms`: when it was raised last, by running time.
CREATE TABLE alarms (
    key TEXT PRIMARY KEY,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    raised INTEGER NOT NULL CHECK (raised IN (0, 1)),
    since_ms INTEGER NOT NULL,
    cleared_ms INTEGER,
    count INTEGER NOT NULL CHECK (count >= 1),
    text TEXT NOT NULL,
    action TEXT NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged IN (0, 1)),
    occurrence TEXT NOT NULL DEFAULT '',
    names TEXT NOT NULL DEFAULT '',
    boot INTEGER,
    boottime_ms INTEGER,
    CHECK ((raised = 1) = (cleared_ms IS NULL))
) STRICT;

-- 報修, as made of its leaves (storage.catalog.faults). `thing`: what is out of order. `keys`, `moments`: its alarms, and
-- when its steps were, in JSON. `by`: the account of who repaired it.
CREATE TABLE faults (
    id TEXT PRIMARY KEY,
    thing TEXT NOT NULL,
    key TEXT NOT NULL,
    camera TEXT,
    volume TEXT,
    boot INTEGER NOT NULL,
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('found', 'reported', 'repaired', 'checked')),
    version INTEGER NOT NULL CHECK (version > 0),
    over INTEGER NOT NULL CHECK (over IN (0, 1)),
    keys TEXT NOT NULL,
    moments TEXT NOT NULL,
    by INTEGER
) STRICT;
CREATE INDEX faults_by_age ON faults (boot, boottime_ms);
CREATE UNIQUE INDEX faults_open ON faults (thing) WHERE state <> 'checked';
CREATE INDEX faults_of_thing ON faults (thing);

-- Events for the centre until the broker has passed them on (storage.catalog.outbox). `what` and `leaf`: of a leaf.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    rank INTEGER NOT NULL CHECK (rank BETWEEN 1 AND 4),
    kind TEXT NOT NULL,
    wall_ms INTEGER NOT NULL,
    leaf INTEGER NOT NULL,
    what TEXT NOT NULL,
    body TEXT NOT NULL,
    bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_by_rank ON outbox (rank, seq);
CREATE INDEX outbox_by_kind ON outbox (kind, seq);

-- One row. `epoch` names this count of events: the wall clock when it began, in ms. `wanted`: a broker is configured.
CREATE TABLE outbox_count (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0,
    wanted INTEGER NOT NULL DEFAULT 1 CHECK (wanted IN (0, 1)),
    limit_bytes INTEGER NOT NULL DEFAULT 268435456
) STRICT;

-- What waits of each rank, and what gave way for want of room until that is told.
CREATE TABLE outbox_ranks (
    rank INTEGER PRIMARY KEY CHECK (rank BETWEEN 1 AND 4),
    events INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    evicted INTEGER NOT NULL DEFAULT 0,
    first_seq INTEGER,
    last_seq INTEGER,
    since_ms INTEGER
) STRICT;

-- 證據保存: what is kept out of the ring (storage.pins). It lasts `span_ms` of running time from when it was placed.
-- `version` counts its changes. `covers`: above 0 while not all that its interval covers is in `pinned`, counted up with
-- each reason to look; until then the interval protects. Rows of pins that have ended stay: they tell who kept what, and
-- why no longer.
CREATE TABLE pins (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('provisional', 'approved', 'released', 'lapsed')),
    version INTEGER NOT NULL DEFAULT 1,
    first_wall_ms INTEGER NOT NULL,
    last_wall_ms INTEGER NOT NULL CHECK (last_wall_ms > first_wall_ms),
    cameras TEXT NOT NULL,
    ground TEXT NOT NULL CHECK (ground IN ('law', 'investigation', 'internal')),
    reference TEXT NOT NULL,
    case_name TEXT NOT NULL,
    placer_uid INTEGER NOT NULL,
    placer TEXT NOT NULL,
    approver TEXT NOT NULL,
    approved_by TEXT,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    span_ms INTEGER NOT NULL CHECK (span_ms > 0),
    adopted INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),
    ended_wall_ms INTEGER,
    ended_by TEXT,
    ended_reason TEXT,
    covers INTEGER NOT NULL DEFAULT 0 CHECK (covers >= 0),
    CHECK ((state IN ('released', 'lapsed')) = (ended_wall_ms IS NOT NULL))
) STRICT;

CREATE INDEX pins_live ON pins (number) WHERE state IN ('provisional', 'approved');
CREATE INDEX pins_covering ON pins (number) WHERE covers > 0;

-- Of pins that last: whose footage is pinned as soon as it is committed.
CREATE TABLE pin_cameras (
    camera INTEGER NOT NULL REFERENCES cameras (number),
    pin INTEGER NOT NULL REFERENCES pins (number),
    PRIMARY KEY (camera, pin)
) STRICT, WITHOUT ROWID;

CREATE INDEX pin_cameras_of ON pin_cameras (pin);

-- Each volume that has something of a pin, and which version its sidecar tells of; 0: it has none yet. The rows of a pin
-- that has ended go when its sidecar and links are gone.
CREATE TABLE pin_volumes (
    pin INTEGER NOT NULL REFERENCES pins (number),
    volume INTEGER NOT NULL REFERENCES volumes (number),
    version INTEGER NOT NULL,
    PRIMARY KEY (pin, volume)
) STRICT, WITHOUT ROWID;

-- What holds what; `segments.pins` counts these rows, in the same transaction. They last as long as the link may.
CREATE TABLE pinned (
    segment INTEGER NOT NULL REFERENCES segments (id),
    pin INTEGER NOT NULL REFERENCES pins (number),
    linked INTEGER NOT NULL CHECK (linked IN (0, 1)),
    PRIMARY KEY (segment, pin)
) STRICT, WITHOUT ROWID;

CREATE INDEX pinned_by_pin ON pinned (pin, segment);
CREATE INDEX pinned_unlinked ON pinned (pin, segment) WHERE linked = 0;

-- What one person asked for and another has not approved yet (storage.acts). `ended`: why it waits no longer, where what
-- it was about came to an end before. `account`: as what the asker's process ran, where that is another account.
CREATE TABLE acts (
    id TEXT PRIMARY KEY,
    verb TEXT NOT NULL,
    arguments TEXT NOT NULL,
    asker_uid INTEGER NOT NULL,
    asker TEXT NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    ended TEXT,
    account INTEGER
) STRICT;

-- Keys of the centre: the counter of the last command of each that was taken (storage.catalog.commands).
CREATE TABLE command_keys (
    key TEXT PRIMARY KEY,
    counter INTEGER NOT NULL CHECK (counter > 0)
) STRICT, WITHOUT ROWID;

-- Commands that were taken, entered before they are done. `leaf`: the one that says so; `reason`: why nothing came of it.
CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    counter INTEGER NOT NULL,
    id TEXT NOT NULL,
    verb TEXT NOT NULL,
    requester TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('accepted', 'done', 'rejected', 'interrupted')),
    reason TEXT NOT NULL DEFAULT '',
    leaf INTEGER NOT NULL,
    run INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    UNIQUE (key, id)
) STRICT;

CREATE INDEX commands_open ON commands (number) WHERE state = 'accepted';
CREATE INDEX commands_by_verb ON commands (verb, number);

-- 複製: copies that leave the box. While one is open, what touches its cameras (JSON) and interval is not destroyed for
-- its space. `leaf`: its `copy` leaf, from which on it may be disclosed; `account`: what it consists of, as numbers of
-- leaves in JSON, while it is open. Names and reasons stand behind the commitments of its leaf.
CREATE TABLE exports (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('open', 'finished', 'abandoned')),
    cameras TEXT NOT NULL,
    first_wall_ms INTEGER NOT NULL,
    last_wall_ms INTEGER NOT NULL,
    whole INTEGER NOT NULL CHECK (whole IN (0, 1)),
    max_bytes INTEGER NOT NULL,
    destroy_by_ms INTEGER NOT NULL,
    run INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    leaf INTEGER,
    account TEXT,
    CHECK (account IS NULL OR leaf IS NOT NULL)
) STRICT;

CREATE INDEX exports_open ON exports (number) WHERE state = 'open';

-- Files that differ from what is recorded of them (S4); `end` says how that ceased. No reference to the segment: it goes
-- in its time.
CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    volume INTEGER NOT NULL REFERENCES volumes (number),
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    segment INTEGER,
    found_ms INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL,
    settled_ms INTEGER,
    end TEXT,
    CHECK ((settled_ms IS NULL) = (end IS NULL))
) STRICT;

CREATE UNIQUE INDEX findings_standing ON findings (volume, path, kind) WHERE settled_ms IS NULL;

-- How far the rescan of the ring is (storage.repair.rescan).
CREATE TABLE rescan (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    began_ms INTEGER NOT NULL,
    before_ms INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    directory TEXT NOT NULL,
    done INTEGER NOT NULL CHECK (done IN (0, 1))
) STRICT;

-- What the last check of the ledger came to (storage.catalog.checked): in which run, when it ended, how many leaves and
-- findings there were; `named`: the first of these, in JSON.
CREATE TABLE checked (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    run INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    leaves INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    findings INTEGER NOT NULL CHECK (findings >= 0),
    named TEXT NOT NULL
) STRICT;

-- 稽核軌跡: what happened; never changed, never removed (storage.catalog.ledger). `hash`: what the tree is made of
-- (RFC 6962); null on what was entered before there was one.
CREATE TABLE leaves (
    number INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    hash BLOB CHECK (length(hash) = 32)
) STRICT;
-- What became of a segment that is gone: asked by people who hold a list of them.
CREATE INDEX leaves_destroyed ON leaves (json_extract(body, '$.camera'), json_extract(body, '$.seq'))
    WHERE kind = 'destroyed';
-- The steps of a fault.
CREATE INDEX leaves_fault ON leaves (json_extract(body, '$.fault')) WHERE kind = 'fault';

-- What 1024 neighbouring leaves hold, once there are later ones: between which wall clocks they were entered, and of which
-- kinds they are; `recorded_*`: between which wall clocks was recorded what they tell to be destroyed, null for nothing. A
-- list of leaves passes over what cannot be wanted (storage.catalog.leafing); what has no row is read.
CREATE TABLE leaf_blocks (
    number INTEGER PRIMARY KEY,
    least_ms INTEGER NOT NULL,
    most_ms INTEGER NOT NULL,
    kinds TEXT NOT NULL,
    recorded_from_ms INTEGER,
    recorded_to_ms INTEGER
) STRICT;

-- Each time the database was lost and begun anew. `aside`: where the damaged one lies, if there was one. `leaf`: the
-- first number entered since. `read`: the leaves on the volumes have been read. `end_*`: everything was gone through.
CREATE TABLE rebuilds (
    number INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    aside TEXT,
    leaf INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    read INTEGER NOT NULL DEFAULT 0 CHECK (read IN (0, 1)),
    end_boot INTEGER REFERENCES boots (number),
    end_boottime_ms INTEGER,
    end_wall_ms INTEGER,
    CHECK ((end_boot IS NULL) = (end_wall_ms IS NULL) AND (end_boot IS NULL) = (end_boottime_ms IS NULL))
) STRICT;

-- Rows of a table that a version before the ledger entered without leaves: up to which they go, and up to which they
-- have got them. Nobody reads it any more: no such version was released.
CREATE TABLE arrears (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Trees of leaves, one after the other: from `first` up to the leaf before that of the next (storage.catalog.generations).
-- `key`: whose signature its heads bear, as NAME+ID+KEY; null: they bear none. `size`, `root`, `note`: its last head.
-- `seen`: the largest head of which somebody outside this box is known to have a copy.
CREATE TABLE generations (
    first INTEGER PRIMARY KEY,
    origin TEXT NOT NULL UNIQUE,
    key TEXT,
    size INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0),
    root BLOB CHECK (length(root) = 32),
    note TEXT,
    seen INTEGER NOT NULL DEFAULT 0 CHECK (seen >= 0),
    CHECK ((size = 0) = (root IS NULL))
) STRICT;

-- Every eighth level of each tree, made anew from `leaves` wherever it is missing (storage.catalog.nodes).
CREATE TABLE nodes (
    generation INTEGER NOT NULL REFERENCES generations (first),
    level INTEGER NOT NULL CHECK (level > 0),
    number INTEGER NOT NULL CHECK (number >= 0),
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (generation, level, number)
) STRICT, WITHOUT ROWID;

-- What stands behind the commitments in leaves: names of people, reasons, case numbers. Here it can be erased.
CREATE TABLE openings (
    leaf INTEGER NOT NULL REFERENCES leaves (number),
    field TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 32),
    value TEXT NOT NULL,
    PRIMARY KEY (leaf, field)
) STRICT, WITHOUT ROWID;

-- 法規查核 (storage.catalog.compliance): how each clause of the office's regulation stands, and since when.
CREATE TABLE compliance (
    clause TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    since_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What of the register of destruction was against a bound, by camera, up to the leaf that `register_read` names; of
-- each kind how much, and the last of it.
CREATE TABLE register_faults (
    camera TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('early', 'permitted', 'late')),
    segments INTEGER NOT NULL CHECK (segments > 0),
    leaf INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    PRIMARY KEY (camera, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE register_read (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    leaf INTEGER NOT NULL,
    segments INTEGER NOT NULL
) STRICT;
