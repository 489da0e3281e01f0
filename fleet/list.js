"use strict";
/* The overview: how many boxes are how, and one line for each, what needs a hand first. */
const List = (() => {
const {say, percent, days, number} = Words;
const COLUMNS = ["name", "state", "heard", "working", "coverage", "gaps", "kept", "alarms", "open",
  "checkpoint"];
const CHOICES = {alarms: ["any-alarms", "open-alarms", "unseen-alarms", "under-maintenance", "with-faults"],
  sort: ["worst", "office", ...COLUMNS.filter(one => one !== "state")]};
const $ = id => document.getElementById(id);

const wanted = {state: "", office: "", alarms: "", search: ""};
let order = "worst", offices = "", lines = new Map();
const table = new Rows.Table($("boxes"), COLUMNS,
  {sortable: COLUMNS, sorted: column => sortBy(column === "state" ? "worst" : column)});
const counts = Object.fromEntries(["", "ok", "attention", "critical", "offline"].map(state => [state, button(state)]));

function button(state) {
  const made = document.createElement("button"), figure = document.createElement("b");
  const word = document.createElement("span");
  made.type = "button";
  made.dataset.tone = state;
  made.append(figure, " ", word);
  made.addEventListener("click", () => {
    wanted.state = wanted.state === state ? "" : state;
    changed();
  });
  $("counts").append(made);
  return {made, figure, word};
}

/** What is shown has to be chosen anew; told to the page, which shows it with the next frame. */
let changed = () => {};

function sortBy(wantedOrder) {
  order = wantedOrder;
  $("sort").value = order;
  title();
  changed();
}

function title() { table.title(order === "worst" ? "state" : order); }

/** Words that stand still, in the language that is chosen now. */
function translate() {
  for (const [id, words] of Object.entries(CHOICES)) {
    options($(id), words.map(word => [id === "alarms" && word === "any-alarms" ? "" : word, say(word)]));
  }
  $("sort").value = order;
  offices = "";
  lines.clear();
  title();
}

function options(select, choices) {
  const chosen = select.value;
  select.replaceChildren(...choices.map(([value, words]) => {
    const option = document.createElement("option");
    option.value = value;
    Rows.write(option, words);
    return option;
  }));
  select.value = choices.some(([value]) => value === chosen) ? chosen : choices[0][0];
}

/** A box as the cells of its line. */
function cells(box, now) {
  const {cameras, tightest, alarms, checkpoint} = box;
  const severe = alarms.some(one => one.severity === "critical");
  return [
    {text: box.name, sub: box.office === box.node || !box.office ? box.node : `${box.office} · ${box.node}`,
      href: `#/box/${encodeURIComponent(box.node)}`},
    {text: say(box.state), sub: [under(box), why(box.why)].filter(Boolean).join(" · "), tone: box.state},
    {text: Words.ago(box.heard, now), sub: box.absent ? Words.when(box.heard) : ""},
    {text: cameras.all ? `${cameras.working} / ${cameras.all}` : "–",
      sub: cameras.all ? percent(cameras.working / cameras.all) : "",
      tone: cameras.working < cameras.all ? "attention" : ""},
    {text: percent(box.coverage),
      sub: percent(box.lowest) === percent(box.coverage) ? "" : say("lowest", {share: percent(box.lowest)})},
    box.health.length ? number(box.gaps) : "–",
    tightest === null ? "–" : {text: say("days", {days: days(tightest.retained_s)}),
      tone: tightest.compliant ? "" : "attention",
      sub: `${say("bounds", {floor: days(tightest.floor_s), ceiling: days(tightest.ceiling_s)})}${
        box.forecast === null ? "" : ` · ${say("forecast", {days: days(box.forecast)})}`}`},
    {text: alarms.length ? number(alarms.length) : say("none"), sub: waiting(box),
      tone: alarms.length === 0 ? "" : severe ? "critical" : "attention"},
    requests(box),
    checkpoint === null ? "–"
      : {text: say("leaves", {count: number(checkpoint.size)}), sub: Words.ago(checkpoint.ts, now)},
  ];
}

/** The first thing that is wrong, and how many more there are. */
function why(problems) {
  const [first, ...more] = problems;
  return first === undefined ? "" : `${say(...first.words)}${more.length ? ` (+${more.length})` : ""}`;
}

/** Maintenance, wherever there is some: it explains what is missing elsewhere. */
function under({under: work}) {
  return work === null ? ""
    : say("under", {what: Model.brief(work.cameras) || say("whole-box"), time: Words.hour(work.until_ms)});
}

/** What waits for somebody: alarms to be acknowledged, alarms held back, faults to be mended and to be closed. */
function waiting({unseen, under: work, tickets, toMend}) {
  const counts = {unseen, held: work?.held ?? 0, "to-mend": toMend, "to-close": tickets.length - toMend};
  return Object.entries(counts).filter(([, count]) => count)
    .map(([word, count]) => say(word, {count: number(count)})).join(" · ");
}

/** Open requests for footage, and how many the office itself is late with. */
function requests({requests: told, open, owed}) {
  if (told?.shut) return {text: "–", sub: say("requests-unreadable"), tone: "attention"};
  if (open === null) return "–";
  const sub = [told.opened ? "" : say("requests-not-opened"), owed ? say("owed", {count: number(owed)}) : ""];
  return {text: number(open), sub: sub.filter(Boolean).join(" · "), tone: owed ? "attention" : ""};
}

/** The same of several boxes; of none that told it, nothing. */
function requestSums(boxes) {
  const told = boxes.filter(box => box.open !== null), sum = field => told.reduce((all, box) => all + box[field], 0);
  if (told.length === 0) return "";
  const open = say("sum-open", {count: number(sum("open"))}), owed = sum("owed");
  return owed ? `${open}${say("sum-overdue", {count: number(owed)})}` : open;
}

/** Brings the screen up to date. `touched`: the nodes that said something since. */
function show(fleet, touched, now) {
  touched.forEach(node => lines.delete(node));
  const boxes = [...fleet.boxes.values()].map(box => Model.standing(box, fleet, now));
  summary(boxes);
  choose(boxes);
  for (const node of table.rows.keys()) if (!node.startsWith("\0") && !fleet.boxes.has(node)) gone(node);
  const shown = Model.ordered(boxes.filter(box => Model.matches(box, wanted)), order);
  for (const box of shown) if (aged(box, now)) line(box, now);
  table.arrange(order === "office" ? grouped(shown) : shown.map(box => box.node));
  const words = fleet.boxes.size === 0 ? (fleet.connectedAt === null ? "" : say("no-boxes"))
    : shown.length === 0 ? say("none-match") : say("shown", {shown: number(shown.length), all: number(boxes.length)});
  Rows.write($("shown"), fleet.full ? `${words} ${say("full-fleet")}` : words);
}

function line(box, now) {
  lines.set(box.node, age(box, now));
  table.update(box.node, {cells: cells(box, now), tone: box.state, stale: box.absent !== null});
}

/** What of a line changes by itself, as time goes by. */
const age = (box, now) => [box.state, box.why.length, box.late, Words.ago(box.heard, now),
  box.checkpoint === null ? "" : Words.ago(box.checkpoint.ts, now)].join();
const aged = (box, now) => lines.get(box.node) !== age(box, now);

function gone(node) {
  table.forget(node);
  lines.delete(node);
}

/** Lines and, over those of each office, one that sums them up. */
function grouped(shown) {
  const keys = [], of = Map.groupBy ? Map.groupBy(shown, box => box.office) : groups(shown);
  for (const [office, boxes] of of) {
    const present = boxes.filter(box => !box.absent);
    const sum = field => present.reduce((total, box) => total + box.cameras[field], 0);
    const key = `\0${office}`;
    const words = say("group",
      {office: office || "–", boxes: boxes.length, working: sum("working"), all: sum("all")});
    table.update(key, {group: true, text: `${words}${requestSums(present)}`});
    keys.push(key, ...boxes.map(box => box.node));
  }
  return keys;
}

function groups(shown) {
  const found = new Map();
  shown.forEach(box => found.set(box.office, [...found.get(box.office) ?? [], box]));
  return found;
}

/** Of boxes that are offline nothing is counted but themselves: what they said is not from now. */
function summary(boxes) {
  for (const [state, {made, figure, word}] of Object.entries(counts)) {
    const these = state === "" ? boxes : boxes.filter(box => box.state === state);
    Rows.write(figure, number(these.length));
    Rows.write(word, say(state || "all"));
    made.setAttribute("aria-pressed", String(wanted.state === state));
    made.classList.toggle("zero", these.length === 0);
  }
  const present = boxes.filter(box => !box.absent && box.state !== "reading");
  const covered = present.filter(box => box.coverage !== null);
  const sum = (list, taken) => list.reduce((total, box) => total + taken(box), 0);
  const working = sum(present, box => box.cameras.working), all = sum(present, box => box.cameras.all);
  const coverage = covered.length ? sum(covered, box => box.coverage) / covered.length : null;
  const note = present.length < boxes.length ? say("totals-note") : "";
  const words = say("totals", {working: number(working), all: number(all), share: percent(all ? working / all : null),
    coverage: percent(coverage), alarms: number(sum(present, box => box.alarms.length))});
  const upkeep = {"totals-under": sum(present, box => box.under ? 1 : 0), "totals-mend": sum(present, box => box.toMend)};
  const more = Object.entries(upkeep).filter(([, count]) => count)
    .map(([word, count]) => say(word, {count: number(count)}));
  Rows.write($("totals"), boxes.length ? [words, ...more, requestSums(present), note].join("") : "");
}

/** The offices there are, to choose from. */
function choose(boxes) {
  const names = [...new Set(boxes.map(box => box.office).filter(Boolean))].sort(Words.compare);
  if (offices === names.join("\0") && $("office").options.length) return;
  offices = names.join("\0");
  options($("office"), [["", say("all-offices")], ...names.map(name => [name, name])]);
  wanted.office = $("office").value;
}

/** Listen to whoever uses it; `again` is called when something else is to be shown. */
function start(again) {
  changed = again;
  for (const id of ["office", "alarms", "search"]) {
    $(id).addEventListener("input", () => {
      wanted[id] = $(id).value.trim();
      changed();
    });
  }
  $("sort").addEventListener("input", () => sortBy($("sort").value));
  $("filters").addEventListener("submit", event => event.preventDefault());
  $("boxes").addEventListener("keydown", event => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const links = step ? [...$("boxes").querySelectorAll("tbody a")] : [];
    const there = links[links.indexOf(event.target) + step];
    if (there === undefined || !links.includes(event.target)) return;
    event.preventDefault();
    there.focus();
  });
}

return {start, show, translate};
})();
