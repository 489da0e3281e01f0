"use strict";
/* The page itself: one connection to the broker, one look at the screen for each frame, and what the viewer chooses.

   It subscribes and never publishes. MQTT 3.1.1 has all that a reader needs, and every broker speaks it. A broker holds
   no more than so many messages for one reader (mosquitto 1000, of any QoS) and silently drops the rest, and 200 boxes
   keep 7,500: so boxes are found by birth and status, and asked for all that they keep some at a time. */
(() => {
const {say} = Words;
const FOUND_BY = ["edged/v1/+/up/birth", "edged/v1/+/up/status", "edged/v1/+/up/heartbeat"];
const READ = "edged/v1/+/up/#";
/** Its state and no history: what a box has to tell after an outage is not for a viewer to carry. */
const KEPT = ["cam/+/health", "cam/+/retention", "storage/+", "alarm/+", "pin/+", "fault/+", "maintenance",
  "office", "ledger/checkpoint"];
const filters = node => KEPT.map(tail => `edged/v1/${node}/up/${tail}`);
/** Messages that are asked for at once, and how many a box keeps that has not said how many cameras it has. */
const ASKED_MAX = 800, KEPT_UNKNOWN = 160;
/** So long for the first message of a box, which may keep none but those by which it was found. */
const ANSWER_MS = 1000, GATHER_MS = 50;
/** A broker that says nothing for one and a half times as long is lost. mosquitto 2.0.11 passes large messages on at
    40 KB/s, and nothing else meanwhile: less would give up on one of a megabyte, again and again. */
const KEEPALIVE_S = 30, CONNECT_MS = 10_000, RETRY_MS = 1000, RETRY_MAX_MS = 30_000;
/** After the last retained message: then the broker has told all that it keeps. */
const SETTLED_MS = 1500;
const REFUSED = [4, 5, 134, 135];  // bad user or password, not authorised: in 3.1.1 and in 5
const KEPT_AS = "edged.login ";
const $ = id => document.getElementById(id);

const fleet = new Model.Fleet(), broker = address(), touched = new Set();
let client = null, failures = 0, retry = null, settling = null, wanted = false, refused = "", denied = false;
let unasked = [], known = new Set(), asked = null, answering = null;

/** Where the broker is: `?broker=`, or where this page comes from; null where that is no address. */
function address() {
  const given = new URLSearchParams(location.search).get("broker");
  const here = location.host && `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/mqtt`;
  try {
    const url = new URL(given ?? here);
    return ["ws:", "wss:"].includes(url.protocol) && !url.username && !url.password && !url.hash ? url.href : null;
  } catch { return null; }
}

/* --- the connection --- */

function connect() {
  clearTimeout(retry);
  const login = account(), connection = mqtt.connect(broker, {
    protocolVersion: 4, clean: true, keepalive: KEEPALIVE_S, connectTimeout: CONNECT_MS, reconnectPeriod: 0,
    resubscribe: false, timerVariant: "native", queueQoSZero: false,
    clientId: `fleet-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`,
    ...login && {username: login.user, password: login.password},
  });
  const mine = act => (...given) => { if (client === connection) act(...given); };
  client = connection;
  connection.on("connect", mine(connected));
  connection.on("message", mine(heard));
  connection.on("error", mine(failed));
  connection.on("close", mine(closed));
  redraw();
}

function connected() {
  failures = 0;
  refused = "";
  denied = false;
  unasked = [];
  known = new Set();
  asked = answering = null;
  fleet.connected(Date.now());
  $("login").hidden = true;
  settle();
  subscribe(FOUND_BY);
  redraw();
}

function subscribe(filters, done = () => {}) {
  const connection = client;
  connection.subscribe(filters, {qos: 0}, (error, granted) => {
    if (client !== connection) return;
    denied ||= Boolean(error) || (granted ?? []).some(one => one.qos > 2);
    done();
    redraw();
  });
}

function heard(topic, payload, packet) {
  const box = fleet.hear(topic, payload, packet.retain, Date.now());
  if (packet.retain || (box?.read === false && settling === null)) settle();
  if (box === null) return;
  touched.add(box.node);
  if (asked?.last === box.node && packet.retain && !/\/(birth|status)$/.test(topic)) asked.answered();
  if (!known.has(box.node)) {
    known.add(box.node);
    unasked.push(box.node);
    if (unasked.length === 1) setTimeout(askNext, GATHER_MS);
  }
  redraw();
}

/** Some boxes for all that they keep; the next ones once the last of these begins to answer. */
function askNext() {
  if (asked !== null || unasked.length === 0 || denied || fleet.connectedAt === null) return;
  const nodes = [];
  for (let room = ASKED_MAX; unasked.length && (nodes.length === 0 || room >= kept(unasked[0]));) {
    room -= kept(unasked[0]);
    nodes.push(unasked.shift());
  }
  const mine = asked = {last: nodes.at(-1), answered() {
    if (asked !== mine) return;
    [...nodes.slice(0, -1), answering].forEach(read);
    answering = mine.last;
    asked = null;
    askNext();
  }};
  subscribe(nodes.flatMap(filters), () => setTimeout(mine.answered, ANSWER_MS));
}

function read(node) {
  const box = fleet.boxes.get(node);
  if (box === undefined || box.read) return;
  box.read = true;
  touched.add(node);
}

function kept(node) {
  const birth = fleet.boxes.get(node)?.of("birth");
  return birth ? 2 * birth.cameras.length + birth.volumes.length + 24 : KEPT_UNKNOWN;
}

function settle() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    settling = null;
    if (fleet.connectedAt === null || denied) return;
    if (asked !== null || unasked.length) return settle();
    fleet.settled().forEach(box => touched.add(box.node));
    redraw();
  }, SETTLED_MS);
}

function failed(error) {
  if (REFUSED.includes(error.code)) refused = account() ? "login-wrong" : "login-why";
}

function closed() {
  drop();
  fleet.lost(Date.now());
  if (refused) {
    ask(refused);
    forget();
  } else {
    const longest = Math.min(RETRY_MAX_MS, RETRY_MS * 2 ** failures++);
    retry = setTimeout(connect, longest * (0.5 + Math.random() / 2));
  }
  redraw();
}

function drop() {
  const ended = client;
  client = null;
  clearTimeout(settling);
  settling = null;
  ended?.end(true);
}

/* --- who is asking --- */

function account() {
  try { return JSON.parse(sessionStorage.getItem(KEPT_AS + broker)); } catch { return null; }
}

function forget() {
  try { sessionStorage.removeItem(KEPT_AS + broker); } catch { /* nothing was kept */ }
}

function ask(why = "") {
  Rows.write($("login-why"), why && say(why, {broker}));
  $("login-plain").hidden = !broker.startsWith("ws:");
  $("login").hidden = false;
  $("user").focus();
}

function reconnect() {
  drop();
  fleet.lost(Date.now());
  failures = 0;
  connect();
}

$("login").addEventListener("submit", event => {
  event.preventDefault();
  try {
    sessionStorage.setItem(KEPT_AS + broker, JSON.stringify({user: $("user").value, password: $("password").value}));
  } catch { /* a browser that keeps nothing cannot log in */ }
  $("password").value = "";
  $("login").hidden = true;
  reconnect();
});
$("login-cancel").addEventListener("click", () => { $("login").hidden = true; });
$("account").addEventListener("click", () => {
  if (account() === null) ask();
  else {
    forget();
    reconnect();
  }
});

/* --- the screen --- */

const FRAME_MAX_MS = 400;
let drawn = 0, cost = 0, missed = false;

/** Once, with the next frame, however much is heard until then; in a flood half of the time is left for listening. */
function redraw() {
  if (wanted) {
    missed = true;
    return;
  }
  wanted = true;
  const rest = drawn + cost - performance.now();
  if (rest > 0) setTimeout(requestAnimationFrame, rest, frame);
  else requestAnimationFrame(frame);
}

function frame(began) {
  draw();
  requestAnimationFrame(() => {
    drawn = performance.now();
    cost = Math.min(FRAME_MAX_MS, drawn - began);
    wanted = false;
    if (missed) redraw();
    missed = false;
  });
}

function draw() {
  const now = Date.now(), node = chosen(), lost = fleet.connectedAt === null;
  document.body.classList.toggle("lost", lost && fleet.boxes.size > 0);
  link(lost);
  $("fleet").hidden = node !== null;
  $("box").hidden = node === null;
  if (node === null) {
    List.show(fleet, touched, now);
    touched.clear();
  } else BoxPage.show(node, fleet, now);
  const title = `${node === null ? "" : `${$("box-name").textContent} · `}${say("title")}`;
  if (document.title !== title) document.title = title;
}

function link(lost) {
  Rows.write($("link"), broker === null ? "" : say(lost ? "connecting" : "connected", {broker}));
  const words = broker === null ? say("bad-broker")
    : denied && !lost ? say("refused", {topics: READ})
    : !lost || refused ? ""
    : fleet.lostAt !== null && fleet.boxes.size ? say("lost", {broker, time: Words.clock(fleet.lostAt)})
    : failures ? say("unreachable", {broker}) : "";
  Rows.write($("banner"), words);
  $("banner").hidden = words === "";
  $("account").hidden = broker === null;
  Rows.write($("account"), account() === null ? say("login") : say("logout", {user: account().user}));
}

/** The box in the address of the page, or null for the overview. */
function chosen() {
  const found = /^#\/box\/([^/]+)$/.exec(location.hash);
  try { return found && decodeURIComponent(found[1]); } catch { return null; }
}

function translate() {
  document.documentElement.lang = Words.locale;
  for (const element of document.querySelectorAll("[data-word]")) Rows.write(element, say(element.dataset.word));
  for (const element of document.querySelectorAll("[data-label]:not(td, th)")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  Rows.write($("language"), say("other"));
  if (!$("login").hidden) ask(refused);
  List.translate();
  BoxPage.translate();
}

$("language").addEventListener("click", () => {
  Words.toggle();
  translate();
  redraw();
});
document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();  // the address names a box, and nothing else
  $("main").focus();
});
let scrolled = 0;
addEventListener("hashchange", event => {
  const came = !event.oldURL.includes("#/box/");
  if (came) scrolled = scrollY;
  draw();
  if (chosen() === null) {
    scrollTo(0, scrolled);
    const link = /#(\/box\/.*)$/.exec(event.oldURL)?.[1];
    if (link) [...document.links].find(one => one.hash === `#${link}`)?.focus({preventScroll: true});
  } else {
    scrollTo(0, 0);
    $("box-name").focus({preventScroll: true});
  }
});
addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const typing = event.target instanceof Element && event.target.matches("input, select");
  if (event.key === "/" && !typing && chosen() === null) {
    event.preventDefault();
    $("search").focus();
  } else if (event.key === "Escape" && chosen() !== null && !typing) location.hash = "#/";
});
addEventListener("visibilitychange", redraw);
setInterval(redraw, 1000);

translate();
List.start(redraw);
if (broker !== null) connect();
else redraw();
})();
