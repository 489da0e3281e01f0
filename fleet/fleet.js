"use strict";
/* The page itself: one connection to the broker, one look at the screen for each frame, and what the viewer chooses.

   It subscribes and never publishes. MQTT 3.1.1 has all that a reader needs and every broker speaks it; QoS 0, because
   brokers bound how many messages of QoS 1 they keep waiting, and 200 boxes have more to tell than that at once. */
(() => {
const {say} = Words;
const FILTER = "edged/v1/+/up/#";
const KEEPALIVE_S = 15, CONNECT_MS = 10_000, RETRY_MS = 1000, RETRY_MAX_MS = 30_000;
/** After the last retained message: then the broker has told all that it keeps. */
const SETTLED_MS = 1500;
const REFUSED = [4, 5, 134, 135];  // bad user or password, not authorised: in 3.1.1 and in 5
const KEPT_AS = "edged.login ";
const $ = id => document.getElementById(id);

const fleet = new Model.Fleet(), broker = address(), touched = new Set();
let client = null, failures = 0, retry = null, settling = null, wanted = false, refused = "", denied = false;

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
    resubscribe: false, timerVariant: "native", queueQoSZero: false, clientId: `fleet-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`,
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
  fleet.connected(Date.now());
  $("login").hidden = true;
  settle();
  client.subscribe(FILTER, {qos: 0}, (error, granted) => {
    denied = Boolean(error) || granted?.some(one => one.qos > 2);
    redraw();
  });
  redraw();
}

function heard(topic, payload, packet) {
  const box = fleet.hear(topic, payload, packet.retain, Date.now());
  if (packet.retain) settle();
  if (box !== null) touched.add(box.node);
  redraw();
}

function settle() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (fleet.connectedAt === null || denied) return;
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
  Rows.write($("login-why"), why && say(why, broker));
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

/** Once, with the next frame, however much is heard until then. */
function redraw() {
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(() => {
    wanted = false;
    draw();
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
}

function link(lost) {
  Rows.write($("link"), broker === null ? "" : say(lost ? "connecting" : "connected", broker));
  const words = broker === null ? say("bad-broker")
    : denied && !lost ? say("refused", FILTER)
    : !lost || refused ? ""
    : fleet.lostAt !== null && fleet.boxes.size ? say("lost", broker, Words.clock(fleet.lostAt))
    : failures ? say("unreachable", broker) : "";
  Rows.write($("banner"), words);
  $("banner").hidden = words === "";
  $("account").hidden = broker === null;
  Rows.write($("account"), account() === null ? say("login") : say("logout", account().user));
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
  document.title = say("title");
  if (!$("login").hidden) ask(refused);
  List.translate();
  BoxPage.translate();
}

$("language").addEventListener("click", () => {
  Words.toggle();
  translate();
  redraw();
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
