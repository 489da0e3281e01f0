"use strict";
/* What is known of every box, and what to make of it. Pure: messages and the time go in, figures and verdicts come out.

   A retained message is from whenever it was said; only what arrives while we listen proves that a box is there. A box
   is offline when it (or the broker for it) says so, or when nothing is heard of it; then nothing of it is current. */
const Model = (() => {
const SILENT_MS = 180_000;
/** A box that is well tells everything anew each five minutes; its clock and ours may differ by one. */
const RETAINED_FRESH_MS = 360_000;
const CLOCK_OFF_MS = 300_000;
/** By then a run has told all that it knows. */
const TOLD_BY_S = 600;
/** Of each kind, so that a flood of one hides nothing of another. */
const BOXES_MAX = 5000, TOPICS_MAX = 1024;
const STATES = ["critical", "offline", "attention", "reading", "ok"];
const SEVERITIES = ["critical", "warning", "info"];

class Box {
  topics = new Map();       // of each topic under up/: {tail, kind, id, value | defect, round}
  round = 0;                // the connection in which it was last heard
  live = null;              // when something of its own arrived last, retained messages left out
  told = null;              // the newest time that a retained message of its own names
  overtaken = false;        // it spoke after it was said to be gone
  read = false;             // the broker was asked for all that it keeps of it, and answered
  flooded = false;
  clockOff = 0;
  figures = null;           // what follows from the topics; null until asked for anew

  constructor(node) { this.node = node; }

  get heard() { return this.live === null ? this.told : Math.max(this.live, this.told ?? 0); }
  of(tail) { return this.topics.get(tail)?.value ?? null; }
  count(kind) { return [...this.topics.values()].filter(one => one.kind === kind).length; }
}

class Fleet {
  boxes = new Map();
  round = 0;
  connectedAt = null;
  lostAt = null;
  full = false;             // there are more boxes than the page takes in

  /** A connection stands: what it does not tell again is gone. */
  connected(now) { this.round++; this.connectedAt = now; this.lostAt = null; this.full = false; }
  lost(now) { this.connectedAt = null; this.lostAt ??= now; }

  /** Takes in one message; the box it is about, or null where it is about none. */
  hear(topic, bytes, retained, now) {
    const route = Payloads.route(topic);
    if (route === null) return null;
    let box = this.boxes.get(route.node);
    if (box === undefined) {
      if (bytes.length === 0) return null;
      if (this.boxes.size >= BOXES_MAX) {
        this.full = true;
        return null;
      }
      this.boxes.set(route.node, box = new Box(route.node));
    }
    if (box.round < this.round) box.flooded = false;
    box.round = this.round;
    box.figures = null;
    if (bytes.length === 0) box.topics.delete(route.tail);
    else if (route.kind !== "other") this.#keep(box, route, bytes);
    this.#date(box, route, retained, now);
    if (box.topics.size === 0 && route.kind !== "other") this.boxes.delete(box.node);
    return box;
  }

  /** All that the broker keeps has been told: what was not is gone from it. The boxes it was gone from. */
  settled() {
    const touched = [];
    for (const box of this.boxes.values()) {
      box.read = true;
      const gone = [...box.topics.values()].filter(one => one.round < this.round && one.kind !== "heartbeat");
      if (gone.length === 0) continue;
      gone.forEach(one => box.topics.delete(one.tail));
      if (![...box.topics.values()].some(one => one.kind !== "heartbeat")) this.boxes.delete(box.node);
      box.figures = null;
      touched.push(box);
    }
    return touched;
  }

  #keep(box, {tail, kind, id, node}, bytes) {
    const room = box.topics.size < TOPICS_MAX || box.topics.has(tail) || box.count(kind) < TOPICS_MAX;
    if (!room) {
      box.flooded = true;
      return;
    }
    box.topics.set(tail, {tail, kind, id, round: this.round, ...Payloads.read({node, kind, id}, bytes)});
  }

  /** The will is the broker's word, not the box's, and its time is that of the daemon's start. */
  #date(box, {tail, kind}, retained, now) {
    const value = box.of(tail);
    if (kind === "status" && value?.state !== "online") {
      box.overtaken = false;
      if (value?.state !== "stopping") return;
    }
    if (!retained) {
      box.live = now;
      if (kind !== "status") box.overtaken = true;
      if (kind === "heartbeat" && value) box.clockOff = value.ts - now;
    } else if (value) box.told = Math.max(box.told ?? 0, Math.min(value.ts, now));
  }
}

/** Why nothing of the box is current, in words for `say`, or null where it is. */
function absence(box, fleet, now) {
  const status = box.of("status");
  if (status !== null && status.state !== "online" && !box.overtaken && !ofThePast(box, status)) {
    return [`said-${status.state}`];
  }
  if (fleet.connectedAt === null) return null;
  if (box.round < fleet.round) return ["unheard"];
  if (box.live !== null && now - box.live <= SILENT_MS) return null;
  const awaited = now - fleet.connectedAt <= SILENT_MS && box.heard >= fleet.connectedAt - RETAINED_FRESH_MS;
  return awaited ? null : ["silent", {seconds: SILENT_MS / 1000}];
}

/** A will of an earlier run, which the broker passed on after the box was back. */
function ofThePast(box, status) {
  const birth = box.of("birth");
  return birth !== null && birth.epoch > status.epoch;
}

/** Maintenance is over by then, by the box's own clock: it should have said so, and excuses nothing any more. */
function overdue(box, now) {
  const told = box.of("maintenance");
  return told !== null && now + box.clockOff > told.until_ms + RETAINED_FRESH_MS;
}

/** What follows from what the box said, whenever that was. */
function figures(box, now) {
  const late = overdue(box, now);
  if (box.figures?.late === late) return box.figures;
  const birth = box.of("birth"), heartbeat = box.of("heartbeat");
  const all = birth && heartbeat?.epoch === birth.epoch && heartbeat.uptime_s > TOLD_BY_S;
  const of = kind => [...box.topics.values()].filter(one => one.kind === kind && one.value).map(one => one.value)
    .filter(one => !all || one.epoch === birth.epoch);  // else its box, whose database was lost, knows nothing of it
  const health = of("health"), retention = of("retention"), volumes = of("storage");
  const alarms = of("alarm").filter(one => one.state !== "cleared").sort((one, other) =>
    SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity) || one.since_ms - other.since_ms);
  const [requests = null] = of("office"), counted = requests?.shut ? null : requests;
  const [maintenance = null] = of("maintenance"), under = late ? null : maintenance;
  const tickets = of("fault").sort((one, other) => one.found_ms - other.found_ms);
  const told = new Set(health.map(one => one.camera));
  const untold = (birth?.cameras ?? []).filter(camera => !told.has(camera));
  const defects = [...box.topics.values()].filter(one => one.defect);
  const covered = health.filter(one => one.state !== "disabled").map(one => one.coverage_24h).filter(one => one !== null);
  const enabled = health.filter(one => one.state !== "disabled").length + untold.length;
  const found = {
    birth, heartbeat, health, retention, volumes, alarms, defects, untold,
    name: birth?.name || box.node,
    office: birth?.office ?? "",
    cameras: {working: health.filter(one => one.state === "recording").length, all: enabled},
    coverage: covered.length === 0 ? null : covered.reduce((sum, one) => sum + one, 0) / covered.length,
    lowest: covered.length === 0 ? null : covered.reduce((low, one) => Math.min(low, one), 1),
    gaps: health.reduce((sum, one) => sum + one.gaps_24h, 0),
    unexplained: health.reduce((sum, one) => sum + one.unexplained_s, 0),
    tightest: tightest(retention),
    forecast: least(retention.map(one => one.forecast_s)),
    unseen: alarms.filter(one => !one.acknowledged).length,
    checkpoint: box.of("ledger/checkpoint"),
    pins: of("pin"),
    requests, open: counted?.requests_open ?? null, owed: counted?.overdue_by_office ?? 0,
    raised: new Set(alarms.map(one => one.key)),
    late, maintenance, under, tickets,
    toMend: tickets.filter(one => one.state !== "repaired" && !one.over).length,
    isWorkedOn: camera => under !== null && (under.cameras.length === 0 || under.cameras.includes(camera)),
  };
  found.excused = excused(found);
  found.problems = problems(box, found);
  return box.figures = found;
}

const least = values => values.reduce((low, one) => one === null || (low !== null && low <= one) ? low : one, null);

/** The camera whose footage is nearest to its floor: one that breaks its bounds before all others. */
function tightest(retention) {
  const room = one => (one.compliant ? 0 : -1e12) + one.retained_s - one.floor_s;
  return retention.reduce((worst, one) => worst === null || room(one) < room(worst) ? one : worst, null);
}

/** Cameras and volumes that are out, and whose alarm maintenance holds back: what stood before goes on standing. */
function excused({health, volumes, raised, under, isWorkedOn}) {
  const cameras = health.filter(one => one.state === "down" && isWorkedOn(one.camera))
    .filter(one => !raised.has(`camera.down:${one.camera}`));
  const away = volumes.filter(one => one.state === "away" && under?.cameras.length === 0)
    .filter(one => !raised.has(`storage.away:${one.volume}`));
  return new Set([...cameras, ...away]);
}

/** A box of contract 1.1 says it in words alone. */
const isStarting = one => one.reason_code === "camera.starting" || one.reason === "starting";

/** What is not in order, the worst first: {state, words} with words for `say`. */
function problems(box, known) {
  const {birth, heartbeat, health, retention, volumes, alarms, defects, untold, cameras, unexplained} = known;
  const {raised, excused, late, maintenance} = known;
  const found = [], add = (state, ...words) => found.push({state, words});
  const names = (state, key, list, field) => list.length
    && add(state, key, {names: brief(list.map(one => one[field]))});
  const are = (list, ...states) => list.filter(one => states.includes(one.state));
  const aside = list => list.filter(one => excused.has(one)), others = list => list.filter(one => !excused.has(one));
  const down = are(health, "down"), starting = down.filter(isStarting), out = down.filter(one => !isStarting(one));
  const degraded = are(health, "degraded"), gone = are(volumes, "away", "lost");
  const said = new Set([  // below, in the viewer's language
    ...down.map(one => `camera.down:${one.camera}`), ...degraded.map(one => `camera.degraded:${one.camera}`),
    ...gone.map(one => `storage.away:${one.volume}`)]);
  const standing = severity => alarms.filter(one => one.severity === severity && !said.has(one.key)).forEach(one =>
    add(severity === "critical" ? "critical" : "attention", "alarm", {alarm: Alarms.brief(one)}));
  standing("critical");
  names("critical", "cameras-down", others(out), "camera");
  names("critical", "volumes-gone", others(gone), "volume");
  standing("warning");
  names("attention", "not-compliant", retention.filter(one => !one.compliant), "camera");
  const risk = least(retention.map(one => one.floor_at_risk_in_s));
  if (risk !== null) add("attention", "floor-at-risk", {days: Math.floor(risk / 86400)});
  names("attention", "volumes-full", are(volumes, "full"), "volume");
  if (late && maintenance) add("attention", "maintenance-late", {time: later(() => Words.when(maintenance.until_ms))});
  names("attention", "cameras-worked-on", aside(out), "camera");
  names("attention", "volumes-gone", aside(gone), "volume");
  names("attention", "cameras-degraded", degraded, "camera");
  for (const {camera, faults} of health) {
    const unsaid = faults.filter(one => !raised.has(`camera.${one}:${camera}`));
    if (unsaid.length) add("attention", "camera-faulty", {camera, wrong: later(() => Alarms.wrong(unsaid))});
  }
  names("attention", "cameras-starting", starting, "camera");
  if (untold.length) add("attention", "cameras-untold", {names: brief(untold)});
  if (unexplained >= 1) add("attention", "unexplained", {seconds: Math.floor(unexplained)});
  if (heartbeat?.clock_synced === false) add("attention", "clock-unsynced");
  const off = Math.abs(box.clockOff);
  if (off > CLOCK_OFF_MS) add("attention", "clock-off", {minutes: Math.round(off / 60000)});
  if (defects.length) add("attention", "defective", {count: defects.length});
  if (box.flooded) add("attention", "flood", {count: TOPICS_MAX});
  if (birth === null) add("attention", "no-birth");
  else if (cameras.all === 0) add("attention", "no-camera");
  return found;
}

/** Words in the language of whoever reads them then. */
const later = words => ({toString: words});
const brief = names => names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} +${names.length - 3}`;

/** The box at this moment: its figures, its state, what is wrong, and when it was last heard. */
function standing(box, fleet, now) {
  const known = figures(box, now), absent = absence(box, fleet, now);
  const worst = absent ? "offline" : !box.read ? "reading" : known.problems.some(one => one.state === "critical")
    ? "critical" : known.problems.length || known.under ? "attention" : "ok";
  const why = absent ? [{state: "offline", words: absent}, ...known.problems] : box.read ? known.problems : [];
  return {node: box.node, ...known, state: worst, absent, why, heard: box.heard};
}

const by = taken => (one, other) => taken(one) - taken(other);
const last = (value, instead) => value === null ? instead : value;
const ratio = ({working, all}) => all === 0 ? 1 : working / all;
const WEIGHT = {critical: 1e6, warning: 1e3, info: 1};
const load = one => one.alarms.reduce((sum, alarm) => sum + WEIGHT[alarm.severity], 0);
/** What the list can be sorted by, each with what needs a hand first. */
const ORDERS = {
  worst: by(one => STATES.indexOf(one.state) * 1e6 - Math.min(one.why.length, 999)),
  name: () => 0,
  office: (one, other) => Words.compare(one.office, other.office),
  heard: by(one => last(one.heard, 0)),
  working: by(one => ratio(one.cameras)),
  coverage: by(one => last(one.coverage, 2)),
  gaps: by(one => -one.gaps),
  kept: by(one => one.tightest === null ? 1e15 : one.tightest.retained_s),
  alarms: by(one => -load(one)),
  open: by(one => -one.owed * 1e9 - last(one.open, -1)),
  checkpoint: by(one => last(one.checkpoint, {ts: 0}).ts),
};

/** Which come first; equals by office and name. */
function ordered(boxes, order) {
  const first = ORDERS[order];
  return boxes.sort((one, other) => first(one, other) || Words.compare(one.office, other.office) ||
    Words.compare(one.name, other.name) || Words.compare(one.node, other.node));
}

/** Those that the viewer wants: `{state, office, alarms, search}`, each "" where it does not matter. */
function matches(box, {state, office, alarms, search}) {
  if (state && box.state !== state) return false;
  if (office && box.office !== office) return false;
  if (alarms === "open-alarms" && box.alarms.length === 0) return false;
  if (alarms === "unseen-alarms" && box.unseen === 0) return false;
  if (alarms === "under-maintenance" && box.under === null) return false;
  if (alarms === "with-faults" && box.tickets.length === 0) return false;
  if (!search) return true;
  const cameras = box.health.map(one => one.camera).join(" ");
  const hay = `${box.name} ${box.node} ${box.office} ${cameras}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every(word => hay.includes(word));
}

return {Fleet, standing, ordered, matches, brief, STATES, ORDERS};
})();
