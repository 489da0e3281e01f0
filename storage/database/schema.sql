-- edged.db: one file in the state directory, which holds all that edged knows. Written by `storage.database.writer`
-- alone; the tables stand in the sections of the rooms of `storage` that own them, the lowest room first.
--
-- What is the same everywhere:
--   *_ms, *_us, *_s, *_bytes   milliseconds, microseconds, seconds, bytes
--   *_wall_ms                  wall clock: ms since 1970, UTC. For people; it proves nothing (S7)
--   *_boottime_ms              CLOCK_BOOTTIME of the boot that is named beside it
--   boot, boottime_ms, wall_ms one place in time; ages are counted from the first two (`storage.ages`)
--   number, id                 `number` is used inside, because 20 million segments repeat it; `id` is what people see
--   camera, volume, run, pin   the number of the row
--   leaf                       the number of a leaf of the ledger
-- Null means "there is none", and a comment says so where it means something else.


-- outbox: what waits for the centre --------------------------------------------------------------------------------

-- An event, until the broker has taken it (S8).
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,  -- counts all events of an epoch: the centre sees what it lacks
    rank INTEGER NOT NULL CHECK (rank BETWEEN 1 AND 4),  -- 1 goes first, and gives way last
    kind TEXT NOT NULL,  -- the last level of its topic
    wall_ms INTEGER NOT NULL,  -- when it happened
    leaf INTEGER NOT NULL,  -- 0: of no leaf
    what TEXT NOT NULL,  -- the kind of that leaf
    body TEXT NOT NULL,  -- JSON
    bytes INTEGER NOT NULL  -- what it counts towards `outbox_count.limit_bytes`
) STRICT;
CREATE INDEX outbox_by_rank ON outbox (rank, seq);
CREATE INDEX outbox_by_kind ON outbox (kind, seq);

-- One row: the count of events.
CREATE TABLE outbox_count (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch INTEGER NOT NULL,  -- names this count: the wall clock when it began, in ms
    seq INTEGER NOT NULL DEFAULT 0,  -- of the last event
    wanted INTEGER NOT NULL DEFAULT 1 CHECK (wanted IN (0, 1)),  -- a broker is configured
    limit_bytes INTEGER NOT NULL DEFAULT 268435456  -- above it the lowest rank gives way
) STRICT;

-- By rank: what waits, and what gave way and is not told yet.
CREATE TABLE outbox_ranks (
    rank INTEGER PRIMARY KEY CHECK (rank BETWEEN 1 AND 4),
    events INTEGER NOT NULL,  -- that wait
    bytes INTEGER NOT NULL,  -- of these
    evicted INTEGER NOT NULL DEFAULT 0,  -- events that gave way
    first_seq INTEGER,  -- of these, the first and the last
    last_seq INTEGER,
    since_ms INTEGER  -- wall clock of the first
) STRICT;


-- ledger: what happened; no leaf ever changes or goes (稽核軌跡) ---------------------------------------------------

CREATE TABLE leaves (
    number INTEGER PRIMARY KEY,
    wall_ms INTEGER NOT NULL,  -- when it was entered
    kind TEXT NOT NULL,  -- `storage.ledger.table.Leaf`
    body TEXT NOT NULL,  -- canonical JSON (RFC 8785)
    hash BLOB CHECK (length(hash) = 32)  -- the leaf in the tree (RFC 6962); null: it stands in no tree
) STRICT;
-- What became of a segment that is gone: asked by people who hold a list of them.
CREATE INDEX leaves_destroyed ON leaves (json_extract(body, '$.camera'), json_extract(body, '$.seq'))
    WHERE kind = 'destroyed';
-- The steps of a fault.
CREATE INDEX leaves_fault ON leaves (json_extract(body, '$.fault')) WHERE kind = 'fault';

-- What 1024 neighbouring leaves hold, so that a list of leaves passes over what cannot be wanted. Written once there
-- are later leaves; what has no row is read.
CREATE TABLE leaf_blocks (
    number INTEGER PRIMARY KEY,  -- of the block: its leaves divided by 1024
    least_ms INTEGER NOT NULL,  -- wall clocks between which they were entered
    most_ms INTEGER NOT NULL,
    kinds TEXT NOT NULL,  -- that are among them
    recorded_from_ms INTEGER,  -- wall clocks between which was recorded what they tell to be destroyed; null: nothing
    recorded_to_ms INTEGER
) STRICT;

-- Trees of leaves, one after the other: each goes up to the leaf before the first of the next.
CREATE TABLE generations (
    first INTEGER PRIMARY KEY,  -- its first leaf
    origin TEXT NOT NULL UNIQUE,  -- its name, in every checkpoint
    key TEXT,  -- whose signature its heads bear, as NAME+ID+KEY; null: they bear none
    size INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0),  -- leaves under its last head
    root BLOB CHECK (length(root) = 32),  -- of that head
    note TEXT,  -- that head as it was signed
    seen INTEGER NOT NULL DEFAULT 0 CHECK (seen >= 0),  -- size of the largest head that somebody outside has
    CHECK ((size = 0) = (root IS NULL))
) STRICT;

-- Every eighth level of each tree, made anew from `leaves` wherever it is missing.
CREATE TABLE nodes (
    generation INTEGER NOT NULL REFERENCES generations (first),
    level INTEGER NOT NULL CHECK (level > 0),  -- 8, 16, 24, 32: how many levels its leaves lie below
    number INTEGER NOT NULL CHECK (number >= 0),  -- of the node, from the left
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (generation, level, number)
) STRICT, WITHOUT ROWID;

-- What stands behind the commitments in leaves: names of people, reasons, case numbers. Here it can be erased.
CREATE TABLE openings (
    leaf INTEGER NOT NULL REFERENCES leaves (number),
    field TEXT NOT NULL,  -- of the leaf's body
    salt BLOB NOT NULL CHECK (length(salt) = 32),  -- without it nobody finds the value by trying all names
    value TEXT NOT NULL,
    PRIMARY KEY (leaf, field)
) STRICT, WITHOUT ROWID;


-- ages: clocks, boots, running time --------------------------------------------------------------------------------

-- What a boot has seen of its clocks, by its last heartbeat. From it and the boot before follows how long the box was
-- off in between. An offset is a clock minus boottime; null: that was never seen.
CREATE TABLE boots (
    number INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL,  -- the kernel's
    ran_ms INTEGER NOT NULL CHECK (ran_ms >= 0),  -- boottime of the last heartbeat
    off_low_ms INTEGER NOT NULL DEFAULT 0 CHECK (off_low_ms >= 0),  -- the box was off before it for as long at least …
    off_high_ms INTEGER CHECK (off_high_ms >= off_low_ms),  -- … and at most; null: nobody knows
    off_word TEXT NOT NULL DEFAULT 'unproven',  -- who says so: `storage.ages.history.OffTimeSource`
    attested_ms INTEGER,  -- the least by the word of two people
    began_ms INTEGER NOT NULL DEFAULT 0,  -- boottime where it began: 0, unless boottime ran backwards
    lead_us INTEGER,  -- MONOTONIC_RAW minus BOOTTIME
    lag_us INTEGER NOT NULL DEFAULT 0 CHECK (lag_us >= 0),  -- what the slower of these two has told less, and …
    gain_us INTEGER NOT NULL DEFAULT 0 CHECK (gain_us >= 0),  -- … the faster more
    offset_last_ms INTEGER,  -- offset of the wall clock: at the last heartbeat, …
    offset_most_ms INTEGER,  -- … and the greatest at any
    synced_first_ms INTEGER,  -- boottime when the wall clock was first and last known to be synchronised
    synced_last_ms INTEGER,
    synced_least_ms INTEGER,  -- its offset while it was: the least and the greatest
    synced_most_ms INTEGER,
    rtc_first_ms INTEGER,  -- offset of the hardware clock: the first and the last
    rtc_last_ms INTEGER
) STRICT;

-- How far the clocks of a boot had drifted apart, written when that has changed.
CREATE TABLE paces (
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    lag_us INTEGER NOT NULL,  -- as in `boots`
    gain_us INTEGER NOT NULL,
    PRIMARY KEY (boot, boottime_ms)
) STRICT, WITHOUT ROWID;

-- Two people say how long the box was off at the least. Names and reason live here only, so that they can be erased.
CREATE TABLE attestations (
    id INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL REFERENCES boots (number),  -- before which it was off
    off_ms INTEGER NOT NULL CHECK (off_ms > 0),
    wall_ms INTEGER NOT NULL,  -- when they said so
    asked_by TEXT NOT NULL,
    approved_by TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;

-- One life of the daemon.
CREATE TABLE runs (
    number INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL REFERENCES boots (number),
    start_wall_ms INTEGER NOT NULL,
    start_boottime_ms INTEGER NOT NULL,
    alive_wall_ms INTEGER NOT NULL,  -- its last heartbeat
    alive_boottime_ms INTEGER NOT NULL CHECK (alive_boottime_ms >= start_boottime_ms),
    clean INTEGER NOT NULL DEFAULT 0 CHECK (clean IN (0, 1))  -- it ended in order
) STRICT;

-- Clock epochs: between two of them wall clock and boottime ran side by side.
CREATE TABLE epochs (
    number INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL REFERENCES boots (number),
    wall_ms INTEGER NOT NULL,  -- where it begins, by both clocks
    boottime_ms INTEGER NOT NULL,
    synced INTEGER NOT NULL CHECK (synced IN (0, 1)),  -- the wall clock was known to be right
    true_offset_ms INTEGER  -- wall clock minus boottime as it turned out once the clock was synchronised
) STRICT;
CREATE INDEX epochs_by_boot ON epochs (boot, boottime_ms);
CREATE INDEX epochs_corrected ON epochs (number) WHERE true_offset_ms IS NOT NULL;


-- approvals: acts that wait for a second person --------------------------------------------------------------------

CREATE TABLE acts (
    id TEXT PRIMARY KEY,
    verb TEXT NOT NULL,
    arguments TEXT NOT NULL,  -- JSON
    asker_uid INTEGER NOT NULL,
    asker TEXT NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),  -- when it was asked for
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    ended TEXT,  -- why it waits no longer, where what it was about came to an end
    account INTEGER  -- the uid that the asker's process ran as, where that is another one
) STRICT;


-- volumes: disks ---------------------------------------------------------------------------------------------------

CREATE TABLE volumes (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,  -- the one that lies on it
    path TEXT NOT NULL,  -- where it was last found
    retired INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1)),  -- takes no more footage, and stays governed
    mirrored INTEGER NOT NULL DEFAULT 0,  -- the last leaf that its mirror has
    mount TEXT NOT NULL DEFAULT '',  -- the mount point that it was last found on
    away INTEGER NOT NULL DEFAULT 0 CHECK (away IN (0, 1)),  -- as its last leaf tells
    lost TEXT,  -- gone for good, and what with it (`storage.volumes.table.VolumeLoss`, JSON)
    reconciled INTEGER NOT NULL DEFAULT 0 CHECK (reconciled IN (0, 1))  -- 0: what lies there is not yet known to this
                                                                        -- database, and nothing there is destroyed
) STRICT;


-- mirror: the ledger's copy on the volumes -------------------------------------------------------------------------

-- Each time the database was lost and begun anew.
CREATE TABLE rebuilds (
    number INTEGER PRIMARY KEY,
    reason TEXT NOT NULL,
    aside TEXT,  -- where the damaged database lies
    leaf INTEGER NOT NULL,  -- the first one entered since
    wall_ms INTEGER NOT NULL,
    read INTEGER NOT NULL DEFAULT 0 CHECK (read IN (0, 1)),  -- the leaves on the volumes have been read
    end_boot INTEGER REFERENCES boots (number),  -- when everything had been gone through; null: not yet
    end_boottime_ms INTEGER,
    end_wall_ms INTEGER,
    CHECK ((end_boot IS NULL) = (end_wall_ms IS NULL) AND (end_boot IS NULL) = (end_boottime_ms IS NULL))
) STRICT;


-- retention: floors, ceilings, terms in force ----------------------------------------------------------------------

-- Floor and ceiling of a camera as configured from a point on. A shortened ceiling waits, also over restarts; a row on
-- which no wait hangs any more goes.
CREATE TABLE terms (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras (number),
    boot INTEGER NOT NULL REFERENCES boots (number),  -- from when on
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    floor_s INTEGER CHECK (floor_s >= 0),  -- both null: the camera is configured no longer
    ceiling_s INTEGER CHECK (ceiling_s >= floor_s),
    CHECK ((floor_s IS NULL) = (ceiling_s IS NULL))
) STRICT;
CREATE INDEX terms_by_camera ON terms (camera, boot, boottime_ms);

-- One row: whether `on_full = "overwrite"` is configured; turned on it waits likewise. Without a row nobody knows, and
-- the floor that is stamped on a segment holds.
CREATE TABLE overwriting (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    is_on INTEGER NOT NULL CHECK (is_on IN (0, 1)),
    boot INTEGER REFERENCES boots (number),  -- since when; null: since before anything was recorded
    boottime_ms INTEGER,
    wall_ms INTEGER,
    CHECK ((boot IS NULL) = (boottime_ms IS NULL) AND (boot IS NULL) = (wall_ms IS NULL))
) STRICT;

-- One row: floors, ceilings, `on_full` and roles as two persons agreed upon them, or as first configured. What is
-- looser waits for a second person.
CREATE TABLE agreed (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    leaf INTEGER NOT NULL,  -- that says so
    body TEXT NOT NULL  -- of that leaf
) STRICT;


-- segments: files and their rows, gaps, coverage -------------------------------------------------------------------

CREATE TABLE cameras (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    known_since_ms INTEGER NOT NULL,  -- wall clock
    enrolled_run INTEGER NOT NULL REFERENCES runs (number),  -- the last run that was to record it
    next_seq INTEGER NOT NULL CHECK (next_seq >= 1),  -- of the next segment
    last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq < next_seq),  -- of the last committed one; 0: none
    last_sha256 BLOB CHECK (length(last_sha256) = 32),  -- of its file
    longest_ms INTEGER NOT NULL DEFAULT 0,  -- of its segments: a search by time begins so far before an interval
    covered_boot INTEGER NOT NULL REFERENCES boots (number),  -- up to here each instant belongs to a segment or to a
    covered_wall_ms INTEGER NOT NULL,                         -- gap (S9)
    covered_boottime_ms INTEGER NOT NULL
) STRICT;

-- A file of footage, from before it exists until after it is unlinked.
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras (number),
    seq INTEGER NOT NULL CHECK (seq >= 1),  -- counts the segments of a camera
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
    floor_s INTEGER NOT NULL CHECK (floor_s >= 0),  -- the terms that it was recorded under
    ceiling_s INTEGER NOT NULL CHECK (ceiling_s >= floor_s),
    epoch INTEGER NOT NULL,  -- of the clock (`epochs`)
    synced INTEGER NOT NULL CHECK (synced IN (0, 1)),  -- the wall clock was known to be right when it began
    unproven INTEGER NOT NULL DEFAULT 0 CHECK (unproven IN (0, 1)),  -- adopted without a row that vouched for it
    name TEXT,  -- path on the volume, where it does not follow from camera, start and seq (quarantine)
    camera_offset_ms INTEGER,  -- the camera's own clock minus ours; null: it did not tell
    pins INTEGER NOT NULL DEFAULT 0 CHECK (pins >= 0),  -- how many hold it (S2): rows of `pinned`
    leaf INTEGER,  -- that tells of it
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

-- How much lies on the volumes, by terms; changed with each segment. Garbage counts until it is unlinked.
CREATE TABLE holdings (
    volume INTEGER NOT NULL REFERENCES volumes (number),
    camera INTEGER NOT NULL REFERENCES cameras (number),
    floor_s INTEGER NOT NULL,
    ceiling_s INTEGER NOT NULL,
    segments INTEGER NOT NULL CHECK (segments > 0),
    bytes INTEGER NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (volume, camera, floor_s, ceiling_s)
) STRICT;

-- When there was footage that was destroyed in its time, neighbours joined: a hole that is no gap (S9).
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

-- Time that was not recorded, and why.
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    camera INTEGER NOT NULL REFERENCES cameras (number),
    boot INTEGER NOT NULL REFERENCES boots (number),
    start_wall_ms INTEGER NOT NULL,
    start_boottime_ms INTEGER NOT NULL,
    end_boot INTEGER REFERENCES boots (number),  -- null: it lasts
    end_wall_ms INTEGER,
    end_boottime_ms INTEGER,
    cause TEXT NOT NULL,  -- `storage.words.model.GapCause`
    detail TEXT NOT NULL,
    inside INTEGER NOT NULL DEFAULT 0 CHECK (inside IN (0, 1)),  -- a pause within a segment, not between two
    pauses TEXT,  -- of one that joins several pauses: only these are missing, [[ms since its start, ms], …]
    leaf INTEGER,  -- the last that tells of it as it is
    beneath TEXT,  -- the cause that it would have, had there been no maintenance
    told TEXT,  -- code and values of its detail, JSON; null: it has none, or an earlier version wrote it
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

-- Files that differ from what is recorded of them (S4). No reference to the segment: it goes in its time.
CREATE TABLE findings (
    id INTEGER PRIMARY KEY,
    volume INTEGER NOT NULL REFERENCES volumes (number),
    path TEXT NOT NULL,  -- on the volume
    kind TEXT NOT NULL,  -- `storage.segments.findings_table.FaultKind`
    segment INTEGER,  -- its id
    found_ms INTEGER NOT NULL,  -- wall clocks: found, last seen, and when it ceased
    seen_ms INTEGER NOT NULL,
    settled_ms INTEGER,
    end TEXT,  -- how it ceased
    CHECK ((settled_ms IS NULL) = (end IS NULL))
) STRICT;
CREATE UNIQUE INDEX findings_standing ON findings (volume, path, kind) WHERE settled_ms IS NULL;

-- One row: how far the rescan of the ring is, so that a restart goes on.
CREATE TABLE rescan (
    number INTEGER PRIMARY KEY CHECK (number = 1),
    began_ms INTEGER NOT NULL,  -- wall clock at the start of this pass; 0: none has begun
    before_ms INTEGER NOT NULL,  -- of the pass before, which was completed; 0: there was none
    segment INTEGER NOT NULL,  -- id of the last row that was looked at
    directory TEXT NOT NULL,  -- the last day directory that was looked at; '': it is at the rows
    done INTEGER NOT NULL CHECK (done IN (0, 1))
) STRICT;


-- pins: evidence kept out of the ring (證據保存) -------------------------------------------------------------------

-- Rows of pins that have ended stay: they tell who kept what, and why no longer.
CREATE TABLE pins (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('provisional', 'approved', 'released', 'lapsed')),
    version INTEGER NOT NULL DEFAULT 1,  -- counts its changes
    first_wall_ms INTEGER NOT NULL,  -- the interval that it keeps
    last_wall_ms INTEGER NOT NULL CHECK (last_wall_ms > first_wall_ms),
    cameras TEXT NOT NULL,  -- ids, JSON
    ground TEXT NOT NULL CHECK (ground IN ('law', 'investigation', 'internal')),
    reference TEXT NOT NULL,
    case_name TEXT NOT NULL,
    placer_uid INTEGER NOT NULL,
    placer TEXT NOT NULL,
    approver TEXT NOT NULL,  -- who is to approve it
    approved_by TEXT,  -- who did
    boot INTEGER NOT NULL REFERENCES boots (number),  -- when it was placed
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    span_ms INTEGER NOT NULL CHECK (span_ms > 0),  -- how long it lasts from then on, in running time
    adopted INTEGER NOT NULL DEFAULT 0 CHECK (adopted IN (0, 1)),  -- found on a volume without a row here
    ended_wall_ms INTEGER,
    ended_by TEXT,
    ended_reason TEXT,
    covers INTEGER NOT NULL DEFAULT 0 CHECK (covers >= 0),  -- above 0: not all that its interval covers is in `pinned`
                                                            -- yet, and the interval protects; counts reasons to look
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

-- Each volume that has something of a pin. Of one that has ended: until its sidecar and links there are gone.
CREATE TABLE pin_volumes (
    pin INTEGER NOT NULL REFERENCES pins (number),
    volume INTEGER NOT NULL REFERENCES volumes (number),
    version INTEGER NOT NULL,  -- of the pin, that the sidecar there tells of; 0: there is none yet
    PRIMARY KEY (pin, volume)
) STRICT, WITHOUT ROWID;

-- Which pin holds which segment, for as long as the link may be there. `segments.pins` counts these rows.
CREATE TABLE pinned (
    segment INTEGER NOT NULL REFERENCES segments (id),
    pin INTEGER NOT NULL REFERENCES pins (number),
    linked INTEGER NOT NULL CHECK (linked IN (0, 1)),  -- the hard link beside the sidecar is made
    PRIMARY KEY (segment, pin)
) STRICT, WITHOUT ROWID;
CREATE INDEX pinned_by_pin ON pinned (pin, segment);
CREATE INDEX pinned_unlinked ON pinned (pin, segment) WHERE linked = 0;


-- register: what was destroyed, and how the clauses stand ----------------------------------------------------------

-- Each clause of the office's regulation (法規查核).
CREATE TABLE compliance (
    clause TEXT PRIMARY KEY,
    status TEXT NOT NULL,  -- in the words of `edged.compliance`
    since_ms INTEGER NOT NULL  -- wall clock
) STRICT, WITHOUT ROWID;

-- What of the register of destruction was against a bound, up to the leaf that `register_read` names.
CREATE TABLE register_faults (
    camera TEXT NOT NULL,  -- its id
    kind TEXT NOT NULL CHECK (kind IN ('early', 'permitted', 'late')),
    segments INTEGER NOT NULL CHECK (segments > 0),  -- how many
    leaf INTEGER NOT NULL,  -- of the last of them
    wall_ms INTEGER NOT NULL,
    PRIMARY KEY (camera, kind)
) STRICT, WITHOUT ROWID;

-- One row: how far the register has been read.
CREATE TABLE register_read (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    leaf INTEGER NOT NULL,  -- the last that was read
    segments INTEGER NOT NULL  -- destroyed up to there
) STRICT;


-- exports: copies that leave the box (複製), and copies to be viewed at it -------------------------------------------

-- While one is open, what touches its cameras and interval is not destroyed for its space. Names and reasons stand
-- behind the commitments of its leaf.
CREATE TABLE exports (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('open', 'finished', 'abandoned')),
    cameras TEXT NOT NULL,  -- ids, JSON
    first_wall_ms INTEGER NOT NULL,  -- the interval
    last_wall_ms INTEGER NOT NULL,
    whole INTEGER NOT NULL CHECK (whole IN (0, 1)),  -- with the files of the segments themselves
    max_bytes INTEGER NOT NULL,  -- no film is larger
    destroy_by_ms INTEGER NOT NULL,  -- wall clock: until when the copy is to be destroyed
    run INTEGER NOT NULL,  -- that works on it
    boot INTEGER NOT NULL REFERENCES boots (number),  -- when it was begun
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    leaf INTEGER,  -- its `copy` leaf; null: there is none yet, so nothing of it may be disclosed
    account TEXT,  -- while it is open: what it consists of, as numbers of leaves, JSON
    request TEXT,  -- number of the request for footage by which it is made; null: by none
    request_row TEXT,  -- the procedure that this request goes by
    viewing TEXT CHECK (viewing IN ('there', 'destroyed')),  -- of a viewing copy, which stays here; null: it leaves
    gone INTEGER,  -- leaf that says that nothing of a viewing copy is there any more
    CHECK (account IS NULL OR leaf IS NOT NULL)
) STRICT;
CREATE INDEX exports_open ON exports (number) WHERE state = 'open';
CREATE INDEX exports_of_request ON exports (request) WHERE request IS NOT NULL;
CREATE INDEX exports_viewed ON exports (number) WHERE viewing = 'there';


-- tickets: alarms, faults, maintenance, commands -------------------------------------------------------------------

-- 異常通報: one row for each condition that was ever met.
CREATE TABLE alarms (
    key TEXT PRIMARY KEY,
    severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    raised INTEGER NOT NULL CHECK (raised IN (0, 1)),
    since_ms INTEGER NOT NULL,  -- wall clock: since when it stands, or last stood
    cleared_ms INTEGER,  -- wall clock; null: it stands
    count INTEGER NOT NULL CHECK (count >= 1),  -- how often it came in this occurrence
    text TEXT NOT NULL,
    action TEXT NOT NULL,  -- what to do
    acknowledged INTEGER NOT NULL DEFAULT 0 CHECK (acknowledged IN (0, 1)),
    occurrence TEXT NOT NULL DEFAULT '',  -- stays the same while the condition comes and goes within an hour
    names TEXT NOT NULL DEFAULT '',  -- of people it is about; they leave the box nowhere
    boot INTEGER,  -- when it was raised last
    boottime_ms INTEGER,
    told TEXT,  -- text and action with their codes and values, JSON; null: an earlier version wrote them
    CHECK ((raised = 1) = (cleared_ms IS NULL))
) STRICT;

-- 報修: a ticket, as its leaves make it.
CREATE TABLE faults (
    id TEXT PRIMARY KEY,
    thing TEXT NOT NULL,  -- what is out of order, as `camera:lobby`
    key TEXT NOT NULL,  -- of the alarm that found it; '': a person did
    camera TEXT,  -- ids
    volume TEXT,
    boot INTEGER NOT NULL,  -- when it was found
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('found', 'reported', 'repaired', 'checked')),
    version INTEGER NOT NULL CHECK (version > 0),  -- how many steps there were
    over INTEGER NOT NULL CHECK (over IN (0, 1)),  -- the box sees nothing of it any more
    keys TEXT NOT NULL,  -- of all its alarms, JSON
    moments TEXT NOT NULL,  -- when the last step of each kind was, JSON
    by INTEGER  -- uid of who repaired it last
) STRICT;
CREATE INDEX faults_by_age ON faults (boot, boottime_ms);
CREATE UNIQUE INDEX faults_open ON faults (thing) WHERE state <> 'checked';
CREATE INDEX faults_of_thing ON faults (thing);

-- 維護: while one lasts, what is not recorded has that cause. Names and reason stand behind its leaf.
CREATE TABLE maintenances (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('lasting', 'ended', 'lapsed')),
    cameras TEXT NOT NULL,  -- ids, JSON; none: the whole box
    boot INTEGER NOT NULL REFERENCES boots (number),  -- when it began
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    span_ms INTEGER NOT NULL CHECK (span_ms > 0),  -- how long it lasts at the most, in running time
    leaf INTEGER,
    end_boot INTEGER REFERENCES boots (number),
    end_boottime_ms INTEGER,
    end_wall_ms INTEGER,
    CHECK ((state = 'lasting') = (end_boot IS NULL)),
    CHECK ((end_boot IS NULL) = (end_wall_ms IS NULL) AND (end_boot IS NULL) = (end_boottime_ms IS NULL))
) STRICT;
CREATE UNIQUE INDEX maintenances_lasting ON maintenances (state) WHERE state = 'lasting';
CREATE INDEX maintenances_by_end ON maintenances (end_boot, end_boottime_ms);

-- Keys that commands of the centre are signed with.
CREATE TABLE command_keys (
    key TEXT PRIMARY KEY,  -- 64 digits
    counter INTEGER NOT NULL CHECK (counter > 0)  -- of the last command that was taken
) STRICT, WITHOUT ROWID;

-- Commands that were taken, entered before they are done.
CREATE TABLE commands (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    counter INTEGER NOT NULL,
    id TEXT NOT NULL,  -- the sender's
    verb TEXT NOT NULL,
    requester TEXT NOT NULL,  -- as the command says
    state TEXT NOT NULL CHECK (state IN ('accepted', 'done', 'rejected', 'interrupted')),
    reason TEXT NOT NULL DEFAULT '',  -- why nothing came of it
    leaf INTEGER NOT NULL,  -- that says that it was taken
    run INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    UNIQUE (key, id)
) STRICT;
CREATE INDEX commands_open ON commands (number) WHERE state = 'accepted';
CREATE INDEX commands_by_verb ON commands (verb, number);


-- ring: sweep, admission, forecast ---------------------------------------------------------------------------------

-- Why a segment that is garbage had to go: what its tombstone will say. As many rows as there is garbage.
CREATE TABLE condemned (
    segment INTEGER PRIMARY KEY REFERENCES segments (id) ON DELETE CASCADE,
    rule TEXT NOT NULL CHECK (rule IN ('ceiling', 'space', 'overwrite')),
    floor_s INTEGER NOT NULL,  -- the terms that it went under
    ceiling_s INTEGER NOT NULL,
    age_ms INTEGER NOT NULL  -- at the least, when it was condemned
) STRICT;

-- Footage destroyed below its floor because nothing else could go (`on_full = "overwrite"`).
CREATE TABLE breaches (
    camera INTEGER PRIMARY KEY REFERENCES cameras (number),
    since_boot INTEGER NOT NULL REFERENCES boots (number),  -- since when it goes on
    since_boottime_ms INTEGER NOT NULL,
    since_wall_ms INTEGER NOT NULL,
    last_boot INTEGER NOT NULL REFERENCES boots (number),  -- when it last happened
    last_boottime_ms INTEGER NOT NULL,
    last_wall_ms INTEGER NOT NULL,
    segments INTEGER NOT NULL CHECK (segments >= 1)  -- to how many
) STRICT;


-- office: requests for footage -------------------------------------------------------------------------------------

-- 調閱: what was asked for, by which procedure, and how far it is. No word of a person: those are in office_records.
CREATE TABLE office_requests (
    number TEXT PRIMARY KEY,  -- 115-0007: ROC year and serial
    own INTEGER NOT NULL CHECK (own IN (0, 1)),  -- 0: received at another box of the office
    year INTEGER NOT NULL,
    serial INTEGER NOT NULL CHECK (serial >= 1),
    row TEXT NOT NULL,  -- of the profile's procedures
    day INTEGER NOT NULL,  -- 收文: ordinal of the legal day
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    receipt TEXT NOT NULL,  -- JSON, as its leaf tells it
    version INTEGER NOT NULL CHECK (version >= 1),
    status TEXT NOT NULL,
    words TEXT NOT NULL,  -- commitment to what the form said then
    keys INTEGER NOT NULL,  -- generation of the keys when its own was made, or erased
    leaf INTEGER NOT NULL,
    erasing INTEGER NOT NULL DEFAULT 0 CHECK (erasing IN (0, 1)),  -- 1: its persons go, whatever comes
    erased INTEGER  -- leaf of the erasure of its persons
) STRICT;
CREATE UNIQUE INDEX office_numbers ON office_requests (year, serial) WHERE own;

-- Who decides, looks and is there. The name lies encrypted under the key of its number.
CREATE TABLE office_persons (
    number INTEGER PRIMARY KEY,
    unit TEXT NOT NULL,
    account INTEGER UNIQUE,  -- uid
    gone INTEGER NOT NULL CHECK (gone IN (0, 1)),
    keys INTEGER NOT NULL,
    leaf INTEGER NOT NULL  -- the last that changed it
) STRICT;

-- From then on nothing is shown or handed out but by its requests. One row; by whose word.
CREATE TABLE office_openings (
    leaf INTEGER PRIMARY KEY,
    by TEXT NOT NULL  -- accounts, JSON
) STRICT;

-- What an auditor has closed of what broke a clause.
CREATE TABLE office_findings (
    leaf INTEGER PRIMARY KEY,
    clause TEXT NOT NULL,
    about TEXT NOT NULL,  -- number of the request, or id of the copy
    breaches TEXT NOT NULL,  -- those that were known, JSON
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL
) STRICT;

-- 疑似外洩: what befell a leak case, in order.
CREATE TABLE office_leaks (
    leaf INTEGER PRIMARY KEY,
    id TEXT NOT NULL,  -- L-115-0001: ROC year and serial
    year INTEGER NOT NULL,
    serial INTEGER NOT NULL CHECK (serial >= 1),
    step TEXT NOT NULL,
    story TEXT NOT NULL,  -- JSON, as its leaf tells it
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX office_leak_ids ON office_leaks (year, serial) WHERE step = 'leak-opened';

-- 職位: who holds it, or stands for who holds it, by whose word.
CREATE TABLE office_posts (
    leaf INTEGER PRIMARY KEY,
    person INTEGER NOT NULL REFERENCES office_persons (number),
    post TEXT NOT NULL,
    unit TEXT NOT NULL,
    by TEXT NOT NULL,  -- accounts, JSON
    holder INTEGER REFERENCES office_persons (number),  -- of a deputy, with the interval
    from_ms INTEGER,
    to_ms INTEGER,
    ended INTEGER  -- leaf
) STRICT;
CREATE INDEX office_posts_now ON office_posts (post, unit) WHERE ended IS NULL;

-- What befell them, in order.
CREATE TABLE office_acts (
    number TEXT NOT NULL REFERENCES office_requests (number),
    version INTEGER NOT NULL CHECK (version >= 2),
    story TEXT NOT NULL,  -- JSON, as its leaf tells it
    words TEXT NOT NULL,
    leaf INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    PRIMARY KEY (number, version)
) STRICT, WITHOUT ROWID;

-- What people wrote, as ciphertext under the key of its number: the form from a version on, the name of a person, scans.
CREATE TABLE office_records (
    number TEXT NOT NULL,  -- of the request, or person-7
    kind TEXT NOT NULL,  -- form, name, scan
    position INTEGER NOT NULL,
    cipher BLOB,  -- of a scan it lies on the volumes alone
    sha256 BLOB NOT NULL,  -- of the ciphertext
    PRIMARY KEY (number, kind, position)
) STRICT, WITHOUT ROWID;


-- audit: the check of the ledger -----------------------------------------------------------------------------------

-- One row: what the last check of the ledger came to.
CREATE TABLE checked (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    run INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (number),  -- when it ended
    boottime_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    leaves INTEGER NOT NULL,  -- that were checked
    took_ms INTEGER NOT NULL,
    findings INTEGER NOT NULL CHECK (findings >= 0),
    named TEXT NOT NULL  -- the first of these, JSON
) STRICT;


-- of no room -------------------------------------------------------------------------------------------------------

-- Neither written nor read: databases of before the first release have it, and they are taken over as they stand.
CREATE TABLE arrears (
    name TEXT PRIMARY KEY,
    last INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
