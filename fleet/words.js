"use strict";
/* What the page says, in Traditional Chinese and English, and how it writes numbers, spans and times.

   Templates are those of messages.js: values stand in them by name. What a box says comes as code and values beside its
   English text; a code that this page does not know, or that comes with other values, is shown as that text. */
const Words = (() => {
const CHINESE = "zh-Hant", ENGLISH = "en", KEPT_AS = "edged.language";
const S = 1000, MINUTE = 60 * S, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const LENGTHS = [DAY / S, HOUR / S, MINUTE / S, 1];

let tongue = CHINESE, formats;

/** Kept in this browser, where it lets us; without a choice Traditional Chinese. */
function recall() {
  try { speak(localStorage.getItem(KEPT_AS) === ENGLISH ? ENGLISH : CHINESE); } catch { speak(CHINESE); }
}

function toggle() {
  speak(tongue === CHINESE ? ENGLISH : CHINESE);
  try { localStorage.setItem(KEPT_AS, tongue); } catch { /* then it is asked for anew in the next tab */ }
}

function speak(wanted) {
  tongue = wanted;
  const locale = tongue === CHINESE ? "zh-Hant-TW" : "en-GB";
  const at = {hour: "2-digit", minute: "2-digit", hourCycle: "h23"};
  const date = tongue === CHINESE
    ? {calendar: "roc", year: "numeric", month: "long", day: "numeric"}
    : {year: "numeric", month: "short", day: "numeric"};
  formats = {
    number: new Intl.NumberFormat(locale, {maximumFractionDigits: 0}),
    short: new Intl.NumberFormat(locale, {maximumFractionDigits: 1}),
    relative: new Intl.RelativeTimeFormat(locale, {numeric: "always"}),
    when: new Intl.DateTimeFormat(locale, {...date, ...at}),
    clock: new Intl.DateTimeFormat(locale, {...at, second: "2-digit"}),
    hour: new Intl.DateTimeFormat(locale, at),
    collator: new Intl.Collator(locale, {numeric: true}),
  };
}

/** The template of a message in the viewer's language, or null where there is none. */
const template = code => Object.hasOwn(Messages, code) ? Messages[code][tongue === CHINESE ? 0 : 1] : null;

/** The page's own words for `key`; a key without words is said as it is. */
function say(key, values = {}) {
  const words = template(`fleet.${key}`);
  return words === null ? key : filled(words, values);
}

/** A message of a box as the viewer reads it. */
function read({text, code, values}) {
  const words = template(code);
  if (words === null) return text;
  return [...words.matchAll(VALUE)].every(([, name]) => Object.hasOwn(values, name)) ? filled(words, values) : text;
}

const VALUE = /\{(\w+)\}/g;
const filled = (words, values) => words.replace(VALUE, (_, name) => shown(name, values[name]));

/** What stands between the parts of a list. */
function between(name) {
  if (name === "lines") return "\n";
  if (name === "sentences") return tongue === CHINESE ? "；" : "; ";
  return tongue === CHINESE ? "、" : ", ";
}

/** A value by the unit in its name. */
function shown(name, value) {
  if (Array.isArray(value)) return value.map(one => shown(name, one)).join(between(name));
  if (typeof value?.code === "string") return read(value);
  if (typeof value === "string") return name.endsWith("_at") ? moment(value) : value;
  if (typeof value !== "number") return String(value);
  if (name.endsWith("_s")) return duration(value);
  if (name.endsWith("_bytes")) return bytes(value);
  return String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));
}

function moment(rfc3339) {
  const ms = Date.parse(rfc3339);
  return Number.isNaN(ms) ? rfc3339 : formats.when.format(ms);
}

/** At most two units: "31d 4h", "48s". */
function duration(seconds) {
  let rest = Math.max(0, Math.round(seconds));
  const counts = LENGTHS.map(length => {
    const count = Math.floor(rest / length);
    rest -= count * length;
    return count;
  });
  const first = counts.findIndex(count => count > 0);
  const units = tongue === CHINESE ? ["天", "時", "分", "秒"] : ["d", "h", "m", "s"];
  if (first < 0) return `0${units[3]}`;
  return [first, first + 1].filter(place => counts[place]).map(place => `${counts[place]}${units[place]}`)
    .join(tongue === CHINESE ? "" : " ");
}

/** Cut to a tenth, never rounded up: 99.97 % is not all, and 30.98 days are not 31. */
const tenths = value => formats.short.format(Math.floor(value * 10 + 1e-6) / 10);
const percent = share => share === null ? "–" : `${tenths(share * 100)} %`;
const days = seconds => seconds === null ? "–" : tenths(seconds / 86400);

function bytes(count) {
  const units = ["B", "KB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit++) count /= 1000;
  return `${formats.short.format(count)} ${units[unit]}`;
}

/** How long ago; within the first minute in steps of ten seconds, so that the list is calm. */
function ago(then, now) {
  if (then === null) return say("never");
  const span = Math.max(0, now - then);
  const [size, unit] = span < MINUTE ? [10 * S, "second"] : span < HOUR ? [MINUTE, "minute"]
    : span < 2 * DAY ? [HOUR, "hour"] : [DAY, "day"];
  const steps = Math.floor(span / size);
  return formats.relative.format(-(unit === "second" ? Math.max(1, steps) * 10 : steps), unit);
}

recall();
return {
  say, read, template, toggle, percent, days, bytes, ago,
  number: value => formats.number.format(value),
  tenth: value => formats.short.format(value),
  when: ms => ms === null ? "–" : formats.when.format(ms),
  clock: ms => formats.clock.format(ms),
  hour: ms => formats.hour.format(ms),
  compare: (one, other) => formats.collator.compare(one, other),
  get locale() { return tongue === CHINESE ? "zh-Hant-TW" : "en"; },
};
})();
