"use strict";
/* Plays the films of all cameras side by side, in step by the wall clock, with that clock over each picture. */
(() => {
const film = JSON.parse(document.getElementById("film").textContent || "null");
const words = JSON.parse(document.getElementById("words").textContent);
const $ = id => document.getElementById(id);
const OFF_S = 0.3, HOP_MS = 2500, NEAR_MS = 1, ROWS_MAX = 500;
const LATE_MS = 200, FRAME_S = 0.15, TRIES = 3;
const {DOCUMENT_MAX, SAID_MAX} = words.constants;

/* The language: as the address says behind `#`, else the browser's. Words come in pairs, Chinese and English. */
const LANGUAGES = [["#zh", "zh-Hant-TW"], ["#en", "en"]];
const chosen = LANGUAGES.findIndex(([hash]) => hash === location.hash);
const language = chosen < 0 ? Number(!navigator.language.startsWith("zh")) : chosen;
const inLanguage = pair => pair[language];
const word = (name, values = {}) =>
  inLanguage(words.page[name]).replace(/\{(\w+)\}/g, (_, key) => String(values[key]));

function make(name, text = "", attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  return Object.assign(element, attributes);
}

/* --- wall clock of the place --- */

const format = new Intl.DateTimeFormat("en-CA-u-hc-h23", {
  timeZone: film.timezone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit",
  second: "2-digit",
});
function local(wall) {
  const part = Object.fromEntries(format.formatToParts(wall).map(one => [one.type, one.value]));
  return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
}
const tenths = wall => `${local(wall)}.${Math.floor((((wall % 1000) + 1000) % 1000) / 100)}`;
function wallOf(text) {
  const utc = Date.parse(`${text.replace(" ", "T")}Z`);
  return utc - (Date.parse(`${local(utc).replace(" ", "T")}Z`) - utc);
}
const cause = name => inLanguage(words.causes[name] || [name, name]);

/* The request for footage by which it was made, if it was. */
const byRequest = film.officeRequest ? `${word("office-request")} ${film.officeRequest}` : "";
const caption = camera => `${camera.name}（${camera.id}）${byRequest && `　${byRequest}`}`;

/* --- one camera --- */

class Screen {
  constructor(camera) {
    this.camera = camera;
    this.spans = camera.films.flatMap(({path, spans}) =>
      spans.map(([at, wall, length]) => ({path, at, wall, end: wall + length})));
    this.path = null;
    this.span = null;
    this.figure = make("figure");
    this.video = make("video", "", {muted: true, playsInline: true, preload: "auto"});
    this.wall = make("div", "", {className: "wall"});
    this.notice = make("div", "", {className: "notice", hidden: true});
    this.figure.append(this.video, this.wall, make("figcaption", caption(camera)), this.notice);
    this.figure.addEventListener("dblclick", () => this.figure.requestFullscreen().catch(() => {}));
    this.video.addEventListener("error", () => this.tell(
      word("cannot-play", {path: this.path})));
    this.asked = this.want = 0;
    this.tries = 0;
    if (this.video.requestVideoFrameCallback) {
      this.drawn = null;
      const drawn = (_, frame) => {
        this.draw((this.drawn = frame.mediaTime) * 1000);
        this.video.requestVideoFrameCallback(drawn);
      };
      this.video.requestVideoFrameCallback(drawn);
      this.video.addEventListener("seeking", () => { this.drawn = null; });
      this.video.addEventListener("seeked", () => setTimeout(() => this.settle(), LATE_MS));
    } else {
      const drawn = () => { this.draw(this.video.currentTime * 1000); requestAnimationFrame(drawn); };
      requestAnimationFrame(drawn);
    }
    this.video.addEventListener("seeked", () => { if (this.video.paused && this.asked !== this.want) this.seek(this.want); });
  }

  seek(to) { this.video.currentTime = this.asked = this.want = to; }

  /* A browser may miss to tell of the picture that a jump ends with: it is asked for it again, a few times only, for
     where the camera paused the right picture is an old one. */
  settle() {
    if (!this.video.paused || this.video.seeking) return;
    const told = this.drawn !== null && Math.abs(this.drawn - this.video.currentTime) < FRAME_S;
    if (!told && this.tries++ < TRIES) this.seek(this.asked);
    else this.tries = 0;
  }

  /* What the wall clock showed when the picture was taken that the film shows at this time. */
  draw(filmMs) {
    const mine = this.spans.filter(one => one.path === this.path);
    const span = mine.filter(one => one.at <= filmMs + NEAR_MS).pop() || mine[0];
    if (span) this.wall.textContent = tenths(span.wall + Math.max(0, filmMs + NEAR_MS - span.at));
  }

  find(wall) { return this.spans.find(one => one.wall <= wall && wall < one.end) || null; }

  tell(text) {
    this.notice.textContent = text;
    this.notice.hidden = !text;
  }

  missing(wall) {
    const gap = this.camera.gaps.find(([begin, end]) => begin <= wall && wall < end);
    if (gap) return `${word("not-recorded")}\n${local(gap[0])} – ${local(gap[1])}\n${cause(gap[2])}`;
    const gone = this.camera.destroyed.find(([begin, end]) => begin <= wall && wall < end);
    return gone ? `${word("destroyed")}\n${local(gone[0])} – ${local(gone[1])}` : word("no-footage");
  }

  /* Be where the wall clock is. `exact`: somebody jumped there. */
  follow(wall, playing, rate, exact) {
    this.span = this.find(wall);
    if (!this.span) {
      this.tell(this.missing(wall));
      if (!this.video.paused) this.video.pause();
      return;
    }
    if (!this.video.error) this.tell("");
    const want = (this.span.at + wall - this.span.wall) / 1000;
    if (this.path !== this.span.path) {
      this.path = this.span.path;
      this.video.src = encodeURI(this.path);
      this.seek(want);
    } else if (this.video.seeking) {
      if (exact) this.want = want;
    } else if (Math.abs(this.video.currentTime - want) > (exact ? 0.001 : OFF_S)) {
      this.seek(want);
    }
    this.video.playbackRate = rate;
    if (playing && this.video.paused) this.video.play().catch(() => {});
    if (!playing && !this.video.paused) this.video.pause();
  }

  /* The wall clock by this camera's film; null while it does not play. */
  get now() {
    if (!this.span || this.video.seeking || this.video.readyState < 2 || this.video.error) return null;
    return this.span.wall + this.video.currentTime * 1000 - this.span.at;
  }

  get waits() { return Boolean(this.span) && !this.video.error && (this.video.seeking || this.video.readyState < 3); }
}

/* --- all of them --- */

const screens = film.cameras.map(camera => new Screen(camera));
const begin = Math.min(film.from, ...screens.flatMap(one => one.spans.map(span => span.wall)));
const end = Math.max(film.to, ...screens.flatMap(one => one.spans.map(span => span.end)));
let wall = film.from, playing = false, rate = 1, last = performance.now(), lost = 0;

function show(exact = false) {
  screens.forEach(one => one.follow(wall, playing, rate, exact));
  $("slider").value = wall;
  $("clock").textContent = local(wall);
}

function go(to, exact = true) {
  wall = Math.min(Math.max(to, begin), end - 1);
  lost = 0;
  show(exact);
}

function turn(on) {
  playing = on;
  $("play").textContent = on ? `❚❚ ${word("pause")}` : `▶ ${word("play")}`;
  show();
}

function tick() {
  const now = performance.now(), passed = (now - last) * rate;
  last = now;
  if (!playing) return;
  const lead = screens.find(one => one.span && !one.video.error);
  const led = lead ? lead.now : null;
  if (led !== null && led >= wall - 1000) wall = Math.max(wall, led < lead.span.end ? led : lead.span.end);
  else if (!lead || lead.video.error) wall += passed;
  lost = screens.some(one => one.find(wall)) ? 0 : lost + passed / rate;
  if (lost > HOP_MS) {
    const next = Math.min(...screens.flatMap(one => one.spans.map(span => span.wall).filter(at => at > wall)));
    wall = Number.isFinite(next) ? next : end;
    lost = 0;
  }
  if (wall >= end) { wall = end - 1; turn(false); }
  show();
}

function bar(camera) {
  const row = make("div", "", {className: "bar"}), line = make("div");
  row.append(make("span", camera.name), line);
  const asked = make("b");
  asked.style.left = `${(film.from - begin) / (end - begin) * 100}%`;
  asked.style.width = `${(film.to - film.from) / (end - begin) * 100}%`;
  line.append(asked);
  for (const {spans} of camera.films) {
    for (const [, from, length] of spans) {
      const part = make("i");
      part.style.left = `${(from - begin) / (end - begin) * 100}%`;
      part.style.width = `${length / (end - begin) * 100}%`;
      line.append(part);
    }
  }
  line.addEventListener("click", event => go(begin + event.offsetX / line.clientWidth * (end - begin)));
  return row;
}

function missingRow(camera, from, to, why) {
  const row = make("tr"), jump = make("button", "▶", {type: "button", title: word("before")});
  jump.addEventListener("click", () => go(from - 3000));
  const within = camera.films.some(({spans}) => spans.some(([, wall, length]) => wall <= from && to <= wall + length));
  const lasting = within ? word("pauses") : `${Math.round((to - from) / 1000)} ${word("seconds")}`;
  const cells = [camera.name, `${local(from)} – ${local(to)}`, lasting, why].map(text => make("td", text));
  const first = make("td");
  first.append(jump);
  row.append(first, ...cells);
  return row;
}

function listMissing() {
  let more = -ROWS_MAX;
  const add = (...row) => { if (++more <= 0) $("gaps").append(missingRow(...row)); };
  for (const camera of film.cameras) {
    for (const [from, to, why] of camera.gaps) add(camera, from, to, cause(why));
    for (const [from, to] of camera.destroyed) add(camera, from, to, word("was-destroyed"));
    for (const path of camera.loose) {
      const row = make("tr"), cell = make("td", `${camera.name}：${path} ${word("loose")}`, {colSpan: 5});
      row.append(cell);
      $("gaps").append(row);
    }
  }
  if (more > 0) $("gaps").append(make("tr", `… +${more}: proof/manifest.json`));
  if (!$("gaps").children.length) $("gaps").append(make("tr", word("nothing-missing")));
}

function about() {
  document.title = `${film.export} ${film.site}`;
  $("title").textContent = `${word("footage")} · ${film.site}`;
  const clocks = film.cameras.filter(one => one.clock !== null && Math.abs(one.clock) >= 1000).map(one =>
    `${one.name}：${word("clock", {seconds: (one.clock / 1000).toFixed(1)})}`);
  $("about").textContent = [
    `${local(film.from)} – ${local(film.to)}（${film.timezone}）　${film.export}　${film.office}`,
    ...byRequest ? [`${byRequest}（${film.officeRow}）`] : [],
    `${word("copied")} ${local(film.created)}　${word("by")} ${inLanguage(film.who)}　` +
      `${word("destroy-by")} ${local(film.destroyBy)}`,
    [[word("reason"), film.reason], [word("case"), film.case], [word("request"), film.request]]
      .filter(([, text]) => text).map(one => one.join(" ")).join("　"),
    `${word("fingerprint")} ${film.key}`,
    ...clocks,
  ].join("\n");
}

/* --- checking --- */

function listed(title, lines, sign) {
  const list = make("ul"), told = new Map();
  for (const {sentence, code} of lines) {
    told.set(code, (told.get(code) || 0) + 1);
    if (code && told.get(code) > SAID_MAX) continue;
    list.append(make("li", inLanguage(sentence), {className: sign}));
  }
  for (const [code, count] of told) {
    if (code && count > SAID_MAX) list.append(make("li", `… ${code} +${count - SAID_MAX}`, {className: sign}));
  }
  return lines.length ? [make("h3", title), list] : [];
}

function tellResult(found) {
  const of = sign => found.lines.filter(line => check.signOf(line[0]) === sign)
    .map(line => ({sentence: check.sentence(line), code: line[0]}));
  const good = found.faults === 0, title = sign => inLanguage(words.titles[sign]);
  $("result").replaceChildren(
    make("p", good ? inLanguage(words.good) : word("wrong"), {
      className: `verdict ${good ? "good" : "bad"}`,
    }),
    ...listed(title("x"), of("x"), "x"),
    ...listed(title("+"), of("+"), "good"),
    ...listed(title("!"), of("!"), "note"),
    ...listed(title("-"), check.limits.map(sentence => ({sentence})), "limit"),
  );
}

function refuse(why) { $("result").replaceChildren(make("p", why, {className: "verdict bad"})); }

/* Of an export that is not the one of this page: which it is. */
async function otherwise(files) {
  const told = await files.get("proof/manifest.json")?.slice(0, DOCUMENT_MAX).text() ?? "";
  const [, other] = told.match(/"export":"([-0-9A-Z]{1,40})"/) || [];
  if (other === undefined || other === film.export) return [];
  return [make("p", word("other-export", {other, export: film.export}), {className: "verdict bad"})];
}

async function look(entries) {
  const depth = path => path.split("/").length;
  const [root, next] = entries.map(([path]) => path).filter(path => `/${path}`.endsWith("/proof/manifest.json"))
    .sort((one, other) => depth(one) - depth(other));
  if (next !== undefined && depth(next) === depth(root)) {
    return refuse(word("several"));
  }
  const prefix = root === undefined ? "" : root.slice(0, -"proof/manifest.json".length);
  const files = new Map(entries.filter(([path]) => path.startsWith(prefix)).map(([path, file]) =>
    [path.slice(prefix.length), file]));
  const print = $("pin").value.toLowerCase().replace(/[\s:]/g, "");
  if (print && !/^[0-9a-f]{64}$/.test(print)) {
    return refuse(word("bad-fingerprint"));
  }
  const progress = $("progress");
  progress.hidden = false;
  const films = new Set(film.cameras.flatMap(camera => camera.films.map(one => one.path)));  // these are read twice
  progress.max = 1 + [...files].reduce((sum, [path, file]) => sum + file.size * (films.has(path) ? 2 : 1), 0);
  progress.value = 0;
  $("result").replaceChildren();
  try {
    const warning = await otherwise(files);
    tellResult(await check(files, {pinned: print ? [print] : null, progress: bytes => { progress.value += bytes; }}));
    $("result").prepend(...warning);
  } catch (error) {
    $("result").replaceChildren(make("p", `${word("broke-off")}: ${error}`, {className: "verdict bad"}));
  } finally { progress.hidden = true; }
}

async function* walk(entry, path = "") {
  if (entry.isFile) {
    yield [path + entry.name, await new Promise((done, fail) => entry.file(done, fail))];
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return;
    for (const one of some) yield* walk(one, `${path}${entry.name}/`);
  }
}

async function dropped(event) {
  event.preventDefault();
  document.body.classList.remove("over");
  const roots = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry()).filter(Boolean), entries = [];
  for (const root of roots) for await (const one of walk(root)) entries.push(one);
  await look(entries);
}

document.documentElement.lang = LANGUAGES[language][1];
for (const one of document.querySelectorAll("[data-word]")) one.textContent = word(one.dataset.word);
for (const one of document.querySelectorAll("[data-label]")) {
  one.ariaLabel = word(one.dataset.label);
  if (one.matches("button")) one.title = one.ariaLabel;
}
const [hash, lang] = LANGUAGES[1 - language];
Object.assign($("language"), {textContent: word("other-language"), lang});
$("language").addEventListener("click", () => { location.hash = hash; location.reload(); });
about();
listMissing();
$("screens").append(...screens.map(one => one.figure));
$("bars").append(...film.cameras.map(bar));
Object.assign($("slider"), {min: begin, max: end, value: wall});
$("when").value = local(wall).replace(" ", "T");
$("sound").append(make("option", word("silent"), {value: ""}),
  ...film.cameras.map(one => make("option", one.name, {value: one.id})));
$("sound").addEventListener("change", () =>
  screens.forEach(one => { one.video.muted = one.camera.id !== $("sound").value; }));
if (screens.length) {
  $("sound").value = screens[0].camera.id;
  screens[0].video.muted = false;
}
$("play").addEventListener("click", () => turn(!playing));
$("back").addEventListener("click", () => go(wall - 10000));
$("forth").addEventListener("click", () => go(wall + 10000));
$("rate").addEventListener("change", () => { rate = Number($("rate").value); show(); });
$("when").addEventListener("change", () => { if ($("when").value) go(wallOf($("when").value)); });
$("slider").addEventListener("input", () => go(Number($("slider").value)));
$("folder").addEventListener("change", () =>
  look([...$("folder").files].map(file => [file.webkitRelativePath || file.name, file])));
addEventListener("dragover", event => { event.preventDefault(); document.body.classList.add("over"); });
addEventListener("dragleave", () => document.body.classList.remove("over"));
addEventListener("drop", dropped);
setInterval(tick, 50);
go(film.from);
turn(false);
})();
