"use strict";
/* One box: what it said last, in full. */
const BoxPage = (() => {
const {say, percent, days, number, bytes, when} = Words;
const $ = id => document.getElementById(id);
const TABLES = {
  alarms: ["alarms", "severity", "since", "count", "action"],
  cameras: ["camera", "state", "picture", "coverage", "gaps", "kept"],
  tickets: ["ticket", "about", "stage", "found"],
  volumes: ["volume", "state", "used", "free", "segments"],
  pins: ["pin", "state", "cameras", "footage", "until"],
  year: ["year", "year-received", "year-deciding", "year-granted", "year-in-part", "year-refused", "year-withdrawn",
    "year-referred", "year-late", "year-viewings", "year-copies"],
  defects: ["topic", "defect"],
};
const tables = Object.fromEntries(Object.entries(TABLES).map(([name, columns]) =>
  [name, new Rows.Table($(`box-${name}`), columns)]));
const TONES = {down: "critical", away: "critical", lost: "critical", degraded: "attention", full: "attention",
  critical: "critical", warning: "attention"};

function translate() { Object.values(tables).forEach(table => table.title()); }

/** Fill the page with this box, or say that nothing is known of it. */
function show(node, fleet, now) {
  const known = fleet.boxes.get(node);
  for (const part of $("box").children) part.classList.toggle("unknown", known === undefined && part.id !== "box-name");
  if (known === undefined) {
    Rows.write($("box-name"), say("no-such-box", {node}));
    return;
  }
  const box = Model.standing(known, fleet, now);
  Rows.write($("box-name"), box.name);
  Rows.write($("box-state"), `${say(box.state)} · ${say("heard")} ${Words.ago(box.heard, now)} (${when(box.heard)})`);
  $("box-state").dataset.tone = box.state;
  $("box").classList.toggle("stale", box.absent !== null);
  $("box-stale").hidden = box.absent === null;
  Rows.write($("box-stale"), say("box-stale", {time: when(box.heard)}));
  list($("box-problems"), [...under(box), ...box.why]);
  facts(box);
  const stale = box.absent !== null;
  const fill = (name, rows) => {
    tables[name].fill(rows.map(row => ({stale, ...row})));
    tables[name].table.classList.toggle("empty", rows.length === 0);
  };
  fill("alarms", box.alarms.map(alarm));
  fill("tickets", box.tickets.map(one => ticket(one, box)));
  fill("cameras", cameras(box));
  fill("volumes", box.volumes.map(volume));
  fill("pins", box.pins.map(pin));
  Rows.write($("box-requests"), disclosure(box));
  $("box-requests").dataset.tone = box.owed || box.requests?.shut ? "attention" : "";
  fill("year", year(box.requests));
  fill("defects", box.defects.map(({tail, defect}) => ({key: tail, cells: [tail, say(...defect)]})));
  const note = box.checkpoint?.note ?? say("checkpoint-none");
  if ($("box-note").textContent !== note) $("box-note").textContent = note;
}

/** Maintenance that is under way, in the place of a problem. Who does it and why is not told: it stays on the box. */
function under({under: work}) {
  if (work === null) return [];
  const what = Model.brief(work.cameras) || say("whole-box");
  const held = work.held ? [say("under-held", {count: number(work.held)})] : [];
  const span = {begin: when(work.started_ms), end: when(work.until_ms)};
  const words = [say("under-full", {what, ...span}), ...held, say("under-why")];
  return [{state: "attention", words: ["alarm", {alarm: words.join(Words.locale === "en" ? " " : "")}]}];
}

function list(element, problems) {
  while (element.children.length > problems.length) element.lastElementChild.remove();
  problems.forEach(({state, words}, place) => {
    const item = element.children[place] ?? element.appendChild(document.createElement("li"));
    item.dataset.tone = state;
    Rows.write(item, say(...words));
  });
}

/** Counts of requests, as they are shown. */
const REQUESTS = ["requests_open", "requests_deciding", "requests_supplement", "requests_granted", "requests_refused",
  "requests_withdrawn", "overdue", "overdue_by_office", "due_soon", "viewing_open", "not_held", "requests_unreadable",
  "to_erase", "requests_closed"];

/** How requests for footage stand. Which they are and of whom is not told: it stays on the box. */
function disclosure({requests: told, birth}) {
  if (told === null) return birth?.profile === "" ? say("no-office") : "";
  if (told.shut) return say("requests-shut");
  const counts = REQUESTS.filter(field => told[field])
    .filter(field => field !== "overdue" || told.overdue !== told.overdue_by_office)
    .map(field => `${say(field.replaceAll("_", "-"))}\u00a0${number(told[field])}`);
  return [...told.opened ? [] : [say("requests-not-opened")], ...counts].join(" · ") || say("none");
}

/** What became of the requests of the year: a box before contract 1.4 does not tell, and none came before an opening. */
function year(told) {
  if (told === null || told.shut || told.year === null || !(told.opened || told.year_received)) return [];
  const first = say("roc-year", {year: told.year, gregorian: told.year + 1911});
  return [{key: "year", cells: [first, ...TABLES.year.slice(1).map(column => {
    const count = told[column.replaceAll("-", "_")];
    return {text: count === null ? "–" : number(count), tone: column === "year-late" && count ? "attention" : ""};
  })]}];
}

function facts({birth, heartbeat, node, office, checkpoint}) {
  const known = [["node", node], ["office", office || "–"]];
  if (birth) {
    known.push(["version", birth.version], ["profile", birth.profile || "–"], ["timezone", birth.timezone],
      ["started", when(birth.started_ms)]);
  }
  if (heartbeat) {
    known.push(["clock", say(heartbeat.clock_synced ? "synced" : "unsynced")],
      ["disk", say("disk-free", {free: bytes(heartbeat.disk_free_bytes), all: bytes(heartbeat.disk_total_bytes)})],
      ["outbox", number(heartbeat.outbox_messages)]);
  }
  if (checkpoint) {
    known.push(["checkpoint", `${say("leaves", {count: number(checkpoint.size)})} · ${when(checkpoint.ts)}`]);
  }
  const element = $("box-facts");
  while (element.children.length > known.length) element.lastElementChild.remove();
  known.forEach(([word, value], place) => {
    const pair = element.children[place] ?? element.appendChild(fact());
    Rows.write(pair.children[0], say(word));
    Rows.write(pair.children[1], value);
  });
}

function fact() {
  const pair = document.createElement("div");
  pair.append(document.createElement("dt"), document.createElement("dd"));
  return pair;
}

function alarm(one) {
  const {key, severity, since_ms, count, acknowledged} = one, {what, action} = Alarms.shown(one);
  return {key, cells: [what,
    {text: say(severity), sub: say(acknowledged ? "acknowledged" : "not-acknowledged"), tone: TONES[severity]},
    when(since_ms), number(count), action]};
}

/** Why a camera or a volume is as it is. */
const reason = ({reason: text, reason_code: code, reason_values: values}) => Words.read({text, code, values});

function pin({pin: id, state, ground, cameras: held, from_ms, to_ms, until_ms}) {
  return {key: id, cells: [id, {text: say(state), sub: say(ground)}, held.join(", "),
    `${when(from_ms)} – ${when(to_ms)}`, when(until_ms)]};
}

function ticket({fault, state, key, camera, volume, found_ms, reported_ms, repaired_ms, over}, {volumes}) {
  const path = volumes.find(one => one.volume === volume)?.path ?? volume;
  const since = state === "found" ? null : state === "reported" ? reported_ms : repaired_ms;
  return {key: fault, cells: [fault,
    {text: camera ?? path ?? say("this-box"), sub: key ? Alarms.kind(key) : say("by-person")},
    {text: say(`ticket-${state}`), sub: [since === null ? "" : when(since), over ? say("ticket-over") : ""]
      .filter(Boolean).join(" · "), tone: state === "repaired" || over ? "" : "attention"},
    when(found_ms)]};
}

function cameras({health, retention, untold, excused, isWorkedOn}) {
  const kept = new Map(retention.map(one => [one.camera, one])), rank = ["down", "degraded", "recording", "disabled"];
  const told = [...health].sort((one, other) =>
    rank.indexOf(one.state) - rank.indexOf(other.state) || Words.compare(one.camera, other.camera));
  return [
    ...untold.map(camera => ({key: camera,
      cells: [camera, {text: "–", tone: "attention"}, "–", "–", "–", span(kept.get(camera))]})),
    ...told.map(one => ({key: one.camera, cells: [
      one.camera,
      {text: say(one.state),
        sub: [isWorkedOn(one.camera) ? say("worked-on") : "", Alarms.wrong(one.faults), reason(one)]
          .filter(Boolean).join(" · "),
        tone: excused.has(one) || one.faults.length ? "attention" : TONES[one.state] ?? ""},
      {text: one.width && one.height ? `${one.width}×${one.height} ${one.codec ?? ""}` : "–", sub: rate(one)},
      {text: percent(one.coverage_24h),
        sub: one.unexplained_s >= 1 ? say("unexplained", {seconds: Math.floor(one.unexplained_s)}) : ""},
      number(one.gaps_24h),
      span(kept.get(one.camera)),
    ]})),
  ];
}

const rate = ({fps, bitrate_bps}) => [fps === null ? "" : `${Words.tenth(fps)} fps`,
  bitrate_bps === null ? "" : `${Words.tenth(bitrate_bps / 1e6)} Mbit/s`].filter(Boolean).join(" · ");

function span(kept) {
  if (kept === undefined) return "–";
  const forecast = kept.forecast_s === null ? "" : ` · ${say("forecast", {days: days(kept.forecast_s)})}`;
  return {text: say("days", {days: days(kept.retained_s)}), tone: kept.compliant ? "" : "attention",
    sub: say("bounds", {floor: days(kept.floor_s), ceiling: days(kept.ceiling_s)}) + forecast};
}

function volume(one) {
  return {key: one.volume, cells: [{text: one.path, sub: one.volume},
    {text: say(one.state === "lost" ? "gone" : one.state), sub: reason(one), tone: TONES[one.state] ?? ""},
    {text: bytes(one.ring_bytes), sub: say("limit", {bytes: bytes(one.limit_bytes)})},
    {text: bytes(one.free_bytes), sub: one.full_in_s === null ? "" : say("full-in", {days: days(one.full_in_s)})},
    number(one.segments)]};
}

return {show, translate};
})();
