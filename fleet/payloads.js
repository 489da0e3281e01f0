"use strict";
/* What a box says, read as from a stranger: each message is either whole and plausible, or a defect with a name.
   Pure. Fields that the page does not show are not looked at: a newer box may say more. */
const Payloads = (() => {
const BYTES_MAX = 64 * 1024, TEXT_MAX = 2000, NAME_MAX = 200, LIST_MAX = 1024;
const MS_MAX = Date.UTC(2200, 0), SPAN_MAX_S = 100 * 366 * 86400, COUNT_MAX = 1e9;

const between = (low, high) => value => typeof value === "number" && value >= low && value <= high;
const whole = (low, high) => value => Number.isSafeInteger(value) && value >= low && value <= high;
const text = most => value => typeof value === "string" && value.length <= most;
const either = kind => value => value === null || kind(value);
/** What an older box does not say is this instead. */
const orElse = (instead, kind) => Object.assign(value => kind(value), {instead: Object.freeze(instead)});
const oneOf = (...words) => value => words.includes(value);
const several = value => Array.isArray(value) && value.length <= LIST_MAX && value.every(name);
const flag = value => typeof value === "boolean";
const name = text(NAME_MAX), ms = whole(0, MS_MAX), span = between(0, SPAN_MAX_S), count = whole(0, COUNT_MAX);
const size = whole(0, Number.MAX_SAFE_INTEGER), share = between(0, 1);

/** Values of a message, by name: words, numbers, messages with values of their own, so deep; or lists of these. */
const NESTED_MAX = 8, VALUES_MAX = 64;
const isObject = value => typeof value === "object" && value !== null && !Array.isArray(value);
const single = deep => value => text(TEXT_MAX)(value) || Number.isFinite(value) || (deep > 0 && isObject(value)
  && text(TEXT_MAX)(value.text) && name(value.code) && valued(deep - 1)(value.values));
const valued = deep => given => isObject(given) && Object.keys(given).length <= VALUES_MAX
  && Object.values(given).every(value => Array.isArray(value)
    ? value.length <= LIST_MAX && value.every(single(deep)) : single(deep)(value));
const values = valued(NESTED_MAX);

const STAMP = {ts: ms, epoch: size};
const KINDS = {
  status: {state: oneOf("online", "offline", "stopping"), boot: name},
  birth: {node: name, office: name, name, timezone: name, profile: name, started_ms: ms, version: name,
    cameras: several, volumes: several},
  heartbeat: {clock_synced: flag, disk_total_bytes: size, disk_free_bytes: size, outbox_messages: size,
    uptime_s: between(0, 1e10)},
  health: {camera: name, state: oneOf("recording", "degraded", "down", "disabled"), reason: text(TEXT_MAX),
    reason_code: orElse("", name), reason_values: orElse({}, values), since_ms: either(ms),
    fps: either(between(0, 1e4)), width: either(whole(0, 1e5)), height: either(whole(0, 1e5)),
    codec: either(name), bitrate_bps: either(between(0, 1e12)), coverage_24h: either(share),
    unexplained_s: between(0, 2 * 86400), gaps_24h: count, faults: orElse([], several)},
  retention: {camera: name, floor_s: span, ceiling_s: span, retained_s: span, forecast_s: either(span),
    floor_at_risk_in_s: either(span), compliant: flag, segments: size, bytes: size},
  storage: {volume: name, path: text(TEXT_MAX), state: oneOf("in-service", "full", "away", "retired", "lost"),
    reason: text(TEXT_MAX), reason_code: orElse("", name), reason_values: orElse({}, values),
    free_bytes: size, ring_bytes: size, limit_bytes: size, segments: size, full_in_s: either(span)},
  checkpoint: {origin: name, size: whole(1, Number.MAX_SAFE_INTEGER), root: text(64), note: text(TEXT_MAX)},
  alarm: {key: name, severity: oneOf("info", "warning", "critical"), state: oneOf("raised", "cleared"), since_ms: ms,
    count, acknowledged: flag, text: text(TEXT_MAX), code: orElse("", name), values: orElse({}, values),
    action: text(TEXT_MAX), action_code: orElse("", name), action_values: orElse({}, values)},
  pin: {pin: name, state: oneOf("provisional", "approved"), ground: name, cameras: several, from_ms: ms, to_ms: ms,
    until_ms: ms},
  fault: {fault: name, state: oneOf("found", "reported", "repaired"), key: name, camera: either(name),
    volume: either(name), found_ms: ms, reported_ms: either(ms), repaired_ms: either(ms), over: flag},
  maintenance: {cameras: several, started_ms: ms, until_ms: ms, held: count},
  office: {opened: either(flag), shut: flag, requests_deciding: either(count), requests_supplement: either(count),
    requests_granted: either(count), requests_refused: either(count), requests_withdrawn: either(count),
    requests_closed: either(count), requests_unreadable: either(count), overdue: either(count),
    due_soon: either(count), not_held: either(count), viewing_open: either(count), to_erase: either(count),
    requests_open: orElse(null, either(count)), overdue_by_office: orElse(null, either(count)),
    year: orElse(null, either(count)), year_received: orElse(null, either(count)),
    year_deciding: orElse(null, either(count)), year_granted: orElse(null, either(count)),
    year_in_part: orElse(null, either(count)), year_refused: orElse(null, either(count)),
    year_withdrawn: orElse(null, either(count)), year_referred: orElse(null, either(count)),
    year_late: orElse(null, either(count)), year_viewings: orElse(null, either(count)),
    year_copies: orElse(null, either(count))},
  other: null,
};
const NAMED = {birth: "node", health: "camera", retention: "camera", storage: "volume", alarm: "key", pin: "pin",
  fault: "fault"};

const ROUTES = [
  [/^(status|birth|heartbeat|maintenance|office)$/, found => [found[1], ""]],
  [/^cam\/([^/]+)\/(health|retention)$/, found => [found[2], found[1]]],
  [/^(storage|alarm|pin|fault)\/(.+)$/, found => [found[1], plain(found[2])]],
  [/^ledger\/checkpoint$/, () => ["checkpoint", ""]],
];

/** A name as it was before it became a level of a topic, where some signs stand as %XX. */
function plain(level) {
  try { return decodeURIComponent(level); } catch { return level; }
}

/** Whose topic it is and what it is about, or null where it is none of ours. */
function route(topic) {
  const found = /^edged\/v1\/([^/]{1,200})\/up\/(.{1,600})$/.exec(topic);
  if (found === null) return null;
  const [, node, tail] = found;
  for (const [pattern, taken] of ROUTES) {
    const match = pattern.exec(tail);
    if (match === null) continue;
    const [kind, id] = taken(match);
    return {node, tail, kind, id};
  }
  return {node, tail, kind: "other", id: ""};
}

/** `{value}` with the fields that the page knows, or `{defect: [words, what it is about]}`. */
function read({node, kind, id}, bytes) {
  if (bytes.length > BYTES_MAX) return {defect: ["too-big", {bytes: BYTES_MAX}]};
  let said;
  try { said = new TextDecoder("utf-8", {fatal: true}).decode(bytes); } catch { return {defect: ["not-text"]}; }
  try { said = JSON.parse(said); } catch { return {defect: ["not-json"]}; }
  if (!isObject(said)) return {defect: ["not-object"]};
  const value = Object.create(null);
  for (const [field, fits] of Object.entries({...STAMP, ...KINDS[kind]})) {
    const given = Object.hasOwn(said, field) ? said[field] : fits.instead;
    if (!fits(given)) return {defect: ["field", {field}]};
    value[field] = given;
  }
  const named = NAMED[kind];
  if (named && value[named] !== (kind === "birth" ? node : id)) return {defect: ["other-name", {field: named}]};
  return {value: Object.freeze(value)};
}

return {route, read};
})();
