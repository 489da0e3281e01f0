"use strict";
/* What verify.py checks, in a browser: same steps, same words (they come out of verify.py). `check(files, options)`
   takes a Map from paths to Files, and answers with lines: [code, what it names]. */
globalThis.check = (() => {
const words = JSON.parse(document.getElementById("words").textContent);
const {LIST, ENVELOPE, LEAVES, KEYS, SCHEMA, PAYLOAD_TYPE, JOIN_MS, EDGE_MS, SPLICE_MS, SUBTITLE_MS} = words.constants;
const {BY_REQUEST} = words.constants;
const {DOCUMENT_MAX, LINE_MAX, HEADER_MAX, PART_MAX, BOXES_MAX, PARTS_MAX, TEXT_MAX, TEXT_SHOWN} = words.constants;
const {ITEMS_MAX, PIECES_MAX, MISFITS_MAX, TOLD_MAX, AHEAD_MAX, PICTURES, ALWAYS, LITTER} = words.constants;
const AT_ONCE = 256 * 2 ** 20, BLOCK = 8 * 2 ** 20;

class Fault extends Error {
  constructor(code, where = {}) { super(code); this.code = code; this.where = where; }
}
class Broken extends Error {}

/* --- documents --- */

const isInt = value => Number.isSafeInteger(value);
const isText = value => typeof value === "string" && value.length <= TEXT_MAX;
const isObject = value => typeof value === "object" && value !== null && !Array.isArray(value);
const has = (object, name) => Object.prototype.hasOwnProperty.call(object, name);
const whole = pattern => new RegExp(`^(?:${pattern})$`);
const {origin: ORIGIN, cue: CUE, clock: CLOCK, notice: NOTICE} =
  Object.fromEntries(Object.entries(words.patterns).map(([name, pattern]) => [name, whole(pattern)]));
const PATH = /^(?=.{1,255}$)([A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?\/){0,3}[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?$/;
const KINDS = {
  text: isText,
  origin: value => typeof value === "string" && ORIGIN.test(value),
  int: isInt,
  count: value => isInt(value) && value >= 0,
  flag: value => typeof value === "boolean",
  object: isObject,
  hex: value => isText(value) && /^[0-9a-f]{64}$/.test(value),
  pair: value => Array.isArray(value) && value.length === 2 && value.every(KINDS.count),
  path: value => isText(value) && PATH.test(value),
  time: value => isText(value) && instant(value) !== null,
  base64: value => typeof value === "string" && unbase64(value) !== null,
  offsets: value => isObject(value) && ["1", "1,2"].includes(Object.keys(value).sort().join()) &&
    Object.values(value).every(isInt),
};

function misfit(value, wanted, more = false, at = "") {
  if (Array.isArray(wanted)) {
    if (!Array.isArray(value)) return at || "[]";
    for (const [number, one] of value.entries()) {
      const found = misfit(one, wanted[0], more, `${at}[${number}]`);
      if (found !== null) return found;
    }
    return null;
  }
  if (typeof wanted === "string") return KINDS[wanted](value) ? null : at || wanted;
  if (has(wanted, "?")) return value === null ? null : misfit(value, wanted["?"], more, at);
  if (!isObject(value)) return at || "{}";
  const known = new Set();
  for (const [name, kind] of Object.entries(wanted)) {
    const key = name.replace("?", "");
    known.add(key);
    if (has(value, key)) {
      const found = misfit(value[key], kind, more, `${at}.${key}`);
      if (found !== null) return found;
    } else if (key === name) return `${at}.${key}`;
  }
  const unknown = more ? [] : Object.keys(value).filter(key => !known.has(key)).sort();
  return unknown.length ? `${at}.${unknown[0]}` : null;
}

function instant(text) {
  const found = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})([+-])(\d\d):(\d\d)$/.exec(text);
  if (!found) return null;
  const [year, month, day, hour, minute, second, ms] = found.slice(1, 8).map(Number);
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, day);
  at.setUTCHours(hour, minute, second);
  const same = year > 0 && at.getUTCMonth() === month - 1 && at.getUTCDate() === day && at.getUTCHours() === hour &&
    at.getUTCMinutes() === minute && at.getUTCSeconds() === second;
  if (!same) return null;
  const ahead = (Number(found[9]) * 60 + Number(found[10])) * (found[8] === "-" ? -1 : 1);
  if (Math.abs(ahead) > AHEAD_MAX || Number(found[10]) > 59) return null;
  return [at.getTime() + ms - ahead * 60000, ahead];
}

function unbase64(text) {
  if (text.length % 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  try {
    const raw = atob(text);
    return btoa(raw) === text ? Uint8Array.from(raw, one => one.charCodeAt(0)) : null;
  } catch { return null; }
}

function canonical(value) {
  if (typeof value === "number" && !isInt(value)) throw new Broken();
  if (typeof value === "string" && /\p{Surrogate}/u.test(value)) throw new Broken();
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (!isObject(value)) return JSON.stringify(value);
  if (!Object.keys(value).every(key => /^[\0-\x7f]*$/.test(key))) throw new Broken();
  return `{${Object.keys(value).sort().map(key => `${canonical(key)}:${canonical(value[key])}`).join()}}`;
}

function strict(data, wanted, file) {
  let value, wrong, items = 0;
  for (const byte of data) if (byte === 0x2c || byte === 0x7b || byte === 0x5b) items++;
  if (items > ITEMS_MAX) throw new Fault("damaged", {file, what: `> ${ITEMS_MAX}`});
  try {
    const text = new TextDecoder("utf-8", {fatal: true, ignoreBOM: true}).decode(data);
    value = JSON.parse(text);
    wrong = canonical(value) === text ? misfit(value, wanted) : "JSON";
  } catch { wrong = "JSON"; }
  if (wrong !== null) throw new Fault("damaged", {file, what: wrong});
  return value;
}

/* --- hashes and signatures --- */

const utf8 = text => new TextEncoder().encode(text);
const readable = data => new TextDecoder("utf-8", {ignoreBOM: true}).decode(data);
const hex = bytes => Array.from(bytes, one => one.toString(16).padStart(2, "0")).join("");
const unhex = text => Uint8Array.from(text.match(/../g) || [], one => parseInt(one, 16));
const same = (one, other) => one.length === other.length && one.every((byte, index) => byte === other[index]);

function joined(...pieces) {
  const out = new Uint8Array(pieces.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const piece of pieces) { out.set(piece, at); at += piece.length; }
  return out;
}

const sha256 = async data => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
const leafHash = data => sha256(joined([0], data));
const nodeHash = (left, right) => sha256(joined([1], left, right));
const fingerprint = async key => hex(await sha256(key));

async function rootOf(level) {
  while (level.length > 1) {
    const above = [];
    for (let at = 0; at + 1 < level.length; at += 2) above.push(nodeHash(level[at], level[at + 1]));
    const rest = level.length % 2 ? level.slice(-1) : [];
    level = [...await Promise.all(above), ...rest];
  }
  return level[0];
}

async function included(leaf, index, size, path, root) {
  if (!(0 <= index && index < size)) return false;
  let number = index, last = size - 1, at = leaf;
  const up = () => { number = Math.floor(number / 2); last = Math.floor(last / 2); };
  for (const other of path) {
    if (!last) return false;
    if (number % 2 || number === last) {
      at = await nodeHash(other, at);
      while (number && number % 2 === 0) up();
    } else at = await nodeHash(at, other);
    up();
  }
  return !last && same(at, root);
}

async function verifies(key, signature, data) {
  try {
    const known = await crypto.subtle.importKey("raw", key, {name: "Ed25519"}, false, ["verify"]);
    return await crypto.subtle.verify({name: "Ed25519"}, known, signature, data);
  } catch (error) {
    if (error.name === "NotSupportedError" || error.name === "SyntaxError") throw new Fault("no-ed25519");
    return false;
  }
}

const base64 = bytes => btoa(String.fromCharCode(...bytes));
const keyId = async (origin, key) => (await sha256(joined(utf8(`${origin}\n\x01`), key))).slice(0, 4);
const vkey = async (origin, key) => `${origin}+${hex(await keyId(origin, key))}+${base64(joined([1], key))}`;
function publicOf(key) {
  const raw = unbase64(key.split("+").slice(2).join("+")) || new Uint8Array();
  return raw.length === 33 && raw[0] === 1 ? raw.slice(1) : new Uint8Array();
}

/* --- films --- */

const view = data => new DataView(data.buffer, data.byteOffset, data.byteLength);
function read32(data, at) {
  if (at + 4 > data.length) throw new Broken();
  return view(data).getUint32(at);
}
function read64(data, at) {
  if (at + 8 > data.length) throw new Broken();
  return view(data).getBigUint64(at);
}
const name4 = (data, at) => String.fromCharCode(...data.subarray(at, at + 4));

function* boxes(data, at, end) {
  while (at < end) {
    if (at + 8 > end) throw new Broken();
    let length = read32(data, at), body = at + 8;
    if (length === 1 && at + 16 <= end) { length = Number(read64(data, at + 8)); body = at + 16; }
    if (length < body - at || length > end - at) throw new Broken();
    yield [name4(data, at + 4), body, at + length];
    at += length;
  }
}

function child(data, names, at, end) {
  for (const name of names.split(" ")) {
    let found = null;
    for (const [kind, low, high] of boxes(data, at, end)) if (kind === name) { found = [low, high]; break; }
    if (!found) throw new Broken();
    [at, end] = found;
  }
  return [at, end];
}

function likeness(header) {
  const said = [], add = (kind, low, high) => said.push(kind + hex(header.subarray(low, high)));
  for (const [kind, low, high] of boxes(header, 0, header.length)) {
    if (kind !== "moov") { add(kind, low, high); continue; }
    for (const [name, at, end] of boxes(header, low, high)) {
      if (name === "trak") {
        for (const [inner, begin, last] of boxes(header, at, end)) if (inner !== "edts") add(inner, begin, last);
      } else if (name !== "udta") add(name, at, end);
    }
  }
  return said;
}

function rates(header) {
  const found = {};
  for (const [kind, low, high] of boxes(header, ...child(header, "moov", 0, header.length))) {
    if (kind !== "trak") continue;
    const [track] = child(header, "tkhd", low, high), [media] = child(header, "mdia mdhd", low, high);
    found[String(read32(header, track + 12))] = read32(header, media + 12);
  }
  if (!found["1"] || !Object.values(found).every(Boolean)) throw new Broken();
  return found;
}

function restore(part, sequence, offsets) {
  const move = (track, at) => {
    const time = BigInt.asUintN(64, read64(part, at) - BigInt(offsets[String(track)] || 0));
    view(part).setBigUint64(at, time);
    return Number(time);
  };
  const piece = {number: 0, begin: null, end: 0, pictures: 0};
  for (const [kind, body, end] of boxes(part, 0, part.length)) {
    if (kind === "prft") move(read32(part, body + 4), body + 16);
    if (kind !== "moof") continue;
    for (const [name, at, high] of boxes(part, body, end)) {
      if (name === "mfhd") {
        piece.number = read32(part, at + 4);
        view(part).setUint32(at + 4, piece.number - sequence);
      } else if (name === "traf") {
        const track = read32(part, child(part, "tfhd", at, high)[0] + 4);
        const begin = move(track, child(part, "tfdt", at, high)[0] + 4);
        if (track !== 1) continue;
        const [run] = child(part, "trun", at, high);
        if (read32(part, run) !== PICTURES) throw new Broken();
        piece.pictures = read32(part, run + 4);
        if (run + 12 + 16 * piece.pictures > part.length) throw new Broken();
        piece.begin = piece.end = begin;
        for (let i = 0; i < piece.pictures; i++) piece.end += read32(part, run + 12 + 16 * i);
      }
    }
  }
  return piece;
}

/* A file, read in large blocks. */
class Reader {
  constructor(file) { this.file = file; this.from = 0; this.block = new Uint8Array(); }

  async bytes(at, end) {
    end = Math.min(end, this.file.size);
    if (at < this.from || end > this.from + this.block.length) {
      this.from = at;
      this.block = await bytesOf(this.file, at, Math.max(end, at + BLOCK));
    }
    return this.block.subarray(at - this.from, Math.max(at, end) - this.from);
  }
}

async function bytesOf(file, at, end) {
  return new Uint8Array(await file.slice(at, end).arrayBuffer());
}

async function partEnd(reader, at, size) {
  const begin = at;
  for (let box = 0; box < BOXES_MAX; box++) {
    if (at === size) return null;
    const head = await reader.bytes(at, at + 16);
    let length = read32(head, 0), least = 8;
    const kind = name4(head, 4);
    if (head.length < 8) throw new Broken();
    if (length === 1 && head.length === 16) { length = Number(read64(head, 8)); least = 16; }
    if (length < least || length > size - at) throw new Broken();
    at += length;
    if (kind === "mdat") {
      if (at - begin > PART_MAX) throw new Broken();
      return at;
    }
  }
  throw new Broken();
}

async function isIndex(reader, at, size) {
  if (at === size) return true;
  const head = await reader.bytes(at, at + 8);
  return head.length === 8 && name4(head, 4) === "mfra" && read32(head, 0) === size - at;
}

/* --- the folder --- */

class Folder {
  constructor(files, options) {
    this.files = files;
    this.atOnce = options.atOnce ?? AT_ONCE;
    this.block = options.block ?? BLOCK;
    this.progress = options.progress ?? (() => {});
  }

  file(path) {
    const found = this.files.get(path);
    if (!found) throw new Fault("missing", {file: path});
    return found;
  }

  async read(path) {
    const file = this.file(path);
    if (file.size > DOCUMENT_MAX) throw new Fault("damaged", {file: path, what: `> ${DOCUMENT_MAX}`});
    return this.tried(path, () => bytesOf(file, 0, file.size));
  }

  async tried(path, action) {
    try { return await action(); } catch (error) {
      if (error instanceof Fault || error instanceof Broken) throw error;
      throw new Fault("unreadable", {file: path});
    }
  }

  async *lines(path) {
    const reader = new Reader(this.file(path)), size = reader.file.size;
    for (let at = 0; at < size;) {
      const data = await this.tried(path, () => reader.bytes(at, at + LINE_MAX));
      const end = data.indexOf(10);
      if (end < 0) throw new Fault("damaged", {file: path, what: "line"});
      yield data.slice(0, end);
      at += end + 1;
    }
  }

  async sha256(path) {
    const file = this.file(path);
    return this.tried(path, async () => {
      if (file.size <= this.atOnce) {
        this.progress(file.size);
        return hex(await sha256(await bytesOf(file, 0, file.size)));
      }
      const hash = new Sha256();
      for (let at = 0; at < file.size; at += this.block) {
        const block = await bytesOf(file, at, at + this.block);
        hash.update(block);
        this.progress(block.length);
      }
      return hex(hash.finish());
    });
  }
}

/* --- the proof --- */

const order = (one, other) => one.boot - other.boot || one.boottime - other.boottime;
const plus = (moment, ms) => ({boot: moment.boot, boottime: moment.boottime + ms, wall: moment.wall + ms});

class Recording {
  constructor(entry, body, start) {
    Object.assign(this, {entry, body, start, rates: {}, begin: null, end: 0, pictures: 0, at: 0, bytes: 0});
  }
  get stop() { return plus(this.start, this.body.duration_ms); }
  get first() { return this.entry.first_part; }
  get last() { return this.entry.last_part; }
  get isFirst() { return this.first === 1; }
  get isLast() { return this.last >= this.body.parts - 2; }
  wall(ticks) { return this.start.wall + Math.floor(ticks * 1000 / this.rates["1"]); }
  film(ticks) { return Math.floor((ticks + this.entry.offsets["1"]) * 1000 / this.rates["1"]); }
  get soundShift() {
    const {offsets} = this.entry, ms = track => Math.floor(offsets[track] * 1000 / this.rates[track]);
    return "2" in offsets ? ms("2") - ms("1") : 0;
  }
  about(part) {
    return this.start.wall + Math.floor(this.body.duration_ms * (part - 1) / Math.max(1, this.body.parts - 1));
  }
  add(piece, at, size) {
    this.at = this.at || at;
    this.bytes += size;
    this.pictures += piece.pictures;
    if (piece.begin !== null) {
      if (this.begin === null) this.begin = piece.begin;
      this.end = piece.end;
    }
  }
}

class Walk {
  constructor(mine, hashes, progress) {
    Object.assign(this, {mine, hashes, progress, at: 0, part: mine[0].first, trouble: new Map(), parts: 0, misfits: 0});
  }

  async through(reader, size) {
    let at = this.mine[0].entry.at;
    while (this.misfits <= MISFITS_MAX) {
      let end;
      try { end = await partEnd(reader, at, size); } catch (error) {
        if (!(error instanceof Broken)) throw error;
        if (this.at === this.mine.length) return false;
        this.misfits++;
        let following = this.at + 1;
        const begins = index => this.mine[index].entry.at;
        while (following < this.mine.length && !(at < begins(following) && begins(following) < size)) following++;
        this.skip("part-broken", following, 0);
        if (following === this.mine.length) return true;
        at = begins(following);
        continue;
      }
      if (end === null) {
        this.skip("part-missing", this.mine.length, 0);
        return isIndex(reader, at, size);
      }
      await this.take(await reader.bytes(at, end), at);
      this.progress(end - at);
      at = end;
    }
    this.skip("part-changed", this.mine.length, 0);
    return true;
  }

  async take(part, at) {
    if (this.at === this.mine.length) {
      this.misfits++;
      const {last} = this.mine[this.at - 1];
      this.mark("part-order", this.at - 1, last, last);
    } else if (!await this.fits(part, at)) {
      this.misfits++;
      let place = [this.at, this.part];
      try { place = this.locate(restore(part.slice(), 0, {}).number); } catch (error) {
        if (!(error instanceof Broken)) throw error;
      }
      if (!place || place[0] < this.at || (place[0] === this.at && place[1] < this.part)) {
        this.mark("part-order", this.at, this.part, this.part);
        return;
      }
      this.skip("part-missing", ...place);
      if (!await this.fits(part, at)) {
        this.mark("part-changed", this.at, this.part, this.part);
        this.advance();
      }
    }
  }

  async fits(part, at) {
    const one = this.mine[this.at];
    const hashes = await this.hashes(one), copy = part.slice();
    let piece;
    try { piece = restore(copy, one.entry.sequence, one.entry.offsets); } catch (error) {
      if (error instanceof Broken) return false;
      throw error;
    }
    if (!same(await leafHash(copy), hashes[this.part])) return false;
    one.add(piece, at, part.length);
    this.parts++;
    this.advance();
    return true;
  }

  locate(number) {
    for (const [index, one] of this.mine.entries()) {
      const part = number - one.entry.sequence;
      if (one.first <= part && part <= one.last) return [index, part];
    }
    return null;
  }

  advance() {
    if (++this.part > this.mine[this.at].last) {
      this.at++;
      this.part = this.at < this.mine.length ? this.mine[this.at].first : 0;
    }
  }

  skip(code, index, part) {
    while (this.at < index) {
      this.mark(code, this.at, this.part, this.mine[this.at].last);
      this.part = this.mine[this.at].last;
      this.advance();
    }
    if (this.at < this.mine.length && this.part < part) {
      this.mark(code, this.at, this.part, part - 1);
      this.part = part;
    }
  }

  mark(code, index, first, last) {
    const key = `${String(index).padStart(9, "0")} ${code}`;
    const known = this.trouble.get(key) || {index, code, first, last};
    this.trouble.set(key, {index, code, first: Math.min(known.first, first), last: Math.max(known.last, last)});
  }
}

class Check {
  constructor(folder, pinned) {
    Object.assign(this, {folder, pinned, lines: [], faults: 0, told: new Map(), list: null, leaves: new Map(), clock: [], names: new Map(),
      ahead: 0, zones: [0], level: null});
  }

  async run() {
    try { await this.openList(); } catch (error) {
      this.tell(error);
      return this;
    }
    await this.whole();
    await this.ledger();
    for (const camera of this.list.cameras) await this.camera(camera);
    await this.copied();
    return this;
  }

  say(code, where = {}) {
    const clean = value => typeof value !== "string" ? value :
      Array.from(value.slice(0, 2 * TEXT_SHOWN)).slice(0, TEXT_SHOWN).join("").replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, "?");
    if (words.sentences[code][0] === "x") this.faults++;
    this.told.set(code, (this.told.get(code) || 0) + 1);
    if (this.told.get(code) > TOLD_MAX) return;
    const told = "camera" in where ? {...where, name: this.names.get(where.camera) ?? ""} : where;
    this.lines.push([code, Object.fromEntries(Object.entries(told).map(([name, value]) => [name, clean(value)]))]);
  }

  tell(error) {
    if (!(error instanceof Fault)) throw error;
    this.say(error.code, error.where);
  }

  async proving(code, where, action) {
    const before = this.faults;
    try { await action(where); } catch (error) { this.tell(error); }
    if (this.faults === before) this.say(code, where);
  }

  time(wall) {
    try {
      const text = new Date(wall + this.ahead * 60000).toISOString();
      return /^(?!0000)\d{4}-/.test(text) ? text.replace("T", " ").slice(0, 23) : String(wall);
    } catch { return String(wall); }
  }

  span(begin, end) { return {begin: this.time(begin), end: this.time(end)}; }

  async openList() {
    const plain = await this.folder.read(LIST);
    await this.proving("signed", {}, async where => {
      const envelope = strict(await this.folder.read(ENVELOPE), words.shapes.envelope, ENVELOPE);
      const payload = unbase64(envelope.payload), {signatures} = envelope;
      if (!same(payload, plain)) this.say("edited", {file: LIST});
      if (envelope.payloadType !== PAYLOAD_TYPE || signatures.length !== 1) {
        throw new Fault("damaged", {file: ENVELOPE, what: "payloadType"});
      }
      const found = this.readList(payload, ENVELOPE), key = unhex(found.key), print = await fingerprint(key);
      if (signatures[0].keyid !== print) throw new Fault("other-key", {file: ENVELOPE});
      const signed = joined(utf8(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${payload.length} `), payload);
      if (!await verifies(key, unbase64(signatures[0].sig), signed)) throw new Fault("signature", {file: ENVELOPE});
      this.list = found;
      where.key = print;
    });
    if (!this.list) this.list = this.readList(plain, LIST);
    this.zones = [instant(this.list.asked.from)[1], instant(this.list.asked.to)[1]];
    this.ahead = this.zones[0];
    this.names = new Map(this.list.cameras.map(({id, name}) => [id, name || id]));
    this.key = unhex(this.list.key);
    this.print = await fingerprint(this.key);
    if (!this.pinned) this.say("compare", {key: this.print});
    else this.say(this.pinned.has(this.print) ? "pinned" : "not-your-key", {key: this.print});
    const away = Math.abs(this.ahead);
    this.say("zone", {zone: this.list.timezone,
      offset: `${this.ahead < 0 ? "-" : "+"}${two(Math.floor(away / 60))}:${two(away % 60)}`});
  }

  readList(data, file) {
    const found = strict(data, words.shapes.list, file);
    const wrong = what => { throw new Fault("damaged", {file, what}); };
    if (found.schema !== SCHEMA) wrong(found.schema);
    if (instant(found.asked.from)[0] >= instant(found.asked.to)[0]) wrong("asked");
    if (found.cameras.reduce((sum, one) => sum + one.segments.length, 0) > PIECES_MAX) wrong(`> ${PIECES_MAX}`);
    for (const {id, segments, files} of found.cameras) {
      const numbers = segments.map(one => one.file);
      const rising = numbers.every((one, index) => index === 0 ? one === 0 : [0, 1].includes(one - numbers[index - 1]));
      if (!rising || (numbers.length ? numbers[numbers.length - 1] + 1 : 0) !== files.length) wrong(`${id} files`);
      const leaves = segments.map(one => one.leaf).filter((leaf, index, all) => !index || leaf !== all[index - 1]);
      if (leaves.length !== new Set(leaves).size) wrong(`${id} segments`);
      if (segments.some(one => !(0 < one.first_part && one.first_part <= one.last_part && one.last_part < PARTS_MAX))) {
        wrong(`${id} parts`);
      }
    }
    return found;
  }

  async whole() {
    await this.proving("whole", {count: this.list.files.length}, async () => {
      const listed = new Map(this.list.files.map(one => [one.path, one])), used = this.used();
      const low = this.list.files.map(one => one.path.toLowerCase()).sort();
      for (const file of new Set(low.filter((one, index) => index && one === low[index - 1]))) this.say("name", {file});
      const either = new Set([...listed.keys(), ...used]);
      for (const file of [...either].sort()) if (!listed.has(file) || !used.has(file)) this.say("stray", {file});
      for (const file of [...this.folder.files.keys()].sort()) {
        if (!listed.has(file) && file !== LIST && file !== ENVELOPE) {
          this.say(isLitter(file, listed) ? "litter" : "added", {file});
        }
      }
      for (const file of [...listed.keys()].sort()) {
        const one = listed.get(file), found = this.folder.files.get(file);
        if (!found) this.say("missing", {file});
        else if (found.size !== one.bytes) this.say("length", {file, found: found.size, expected: one.bytes});
        else await this.hold(file, one.sha256);
      }
    });
  }

  async hold(file, expected) {
    try {
      if (await this.folder.sha256(file) !== expected) this.say("content", {file});
    } catch (error) { this.tell(error); }
  }

  used() {
    const found = new Set([...ALWAYS, ...this.list.checkpoints.map(one => one.file)]);
    for (const camera of this.list.cameras) {
      found.add(camera.hashes).add(camera.headers);
      for (const one of camera.files) found.add(one.path).add(one.subtitles);
      for (const one of [...camera.segments, ...camera.loose]) found.add(one.original);
    }
    found.delete(null);
    return found;
  }

  async ledger() {
    await this.proving("ledger", {}, async where => {
      const cited = this.cited(), heads = this.list.checkpoints;
      await this.readLeaves(cited);
      if (!heads.length) throw new Fault("damaged", {file: LIST, what: "checkpoints"});
      await this.heads(heads);
      where.count = cited.size;
      where.size = heads[heads.length - 1].size;
    });
    for (const number of this.list.clock) {
      const body = this.leaf(number, ["clock"]);
      if (body && has(body, "boottime_ms") && has(body, "boot")) {
        this.clock.push([body.boot, body.boottime_ms, has(body, "true_offset_ms") ? body.true_offset_ms : null]);
      }
    }
  }

  cited() {
    const found = new Set([this.list.copy, ...this.list.clock, ...this.list.checkpoints.map(one => one.first)]);
    for (const camera of this.list.cameras) {
      for (const what of ["segments", "loose", "gaps", "destroyed"]) for (const one of camera[what]) found.add(one.leaf);
      for (const leaf of camera.beside) found.add(leaf);
    }
    return found;
  }

  async readLeaves(cited) {
    const heads = new Map(this.list.checkpoints.map(one => [one.origin, one])), wrong = new Set();
    let count = 0;
    for await (const line of this.folder.lines(LEAVES)) {
      if (count++ >= cited.size) {
        this.say("damaged", {file: LEAVES, what: `> ${cited.size}`});
        break;
      }
      const entry = strict(line, words.shapes.entry, LEAVES), data = utf8(entry.leaf);
      const leaf = strict(data, words.shapes.leaf, LEAVES), head = heads.get(entry.origin);
      const path = entry.proof.map(unbase64);
      if (head && await included(await leafHash(data), leaf.n - head.first, head.size, path, unhex(head.root))) {
        if (cited.has(leaf.n)) this.leaves.set(leaf.n, leaf);
      } else wrong.add(leaf.n);
    }
    const rising = set => [...set].sort((one, other) => one - other);
    for (const leaf of rising(wrong)) this.say("leaf", {leaf});
    for (const leaf of rising(cited)) if (!this.leaves.has(leaf) && !wrong.has(leaf)) this.say("leaf-missing", {leaf});
  }

  leaf(number, kinds, camera = null) {
    const found = this.leaves.get(number);
    if (!found) return null;
    if (!kinds.includes(found.k) || misfit(found.b, words.shapes.bodies[found.k], true) !== null ||
        (camera !== null && found.b.camera !== camera)) {
      this.say("leaf-other", {leaf: number});
      return null;
    }
    return found.b;
  }

  async heads(heads) {
    const keys = readable(await this.folder.read(KEYS)).split(/[ \t\r\n]+/);
    if (!keys.includes(this.print)) throw new Fault("other-key", {file: KEYS});
    let newer = null;
    for (const head of [...heads].reverse()) {
      const {origin, size, file} = head, body = this.leaf(head.first, ["generation"]);
      if (!body || body.origin !== origin) throw new Fault("generation", {origin});
      const key = body.key || "";
      if (!newer) {
        if (file === null || key !== await vkey(origin, this.key)) throw new Fault("other-key", {file: file || LIST});
      } else {
        const before = newer.previous || {};
        const fits = canonical(before) === canonical({origin, root: head.root, size});
        if (!fits) throw new Fault("generation", {origin});
        this.say("earlier", {origin, size});
      }
      if (file !== null) {
        if (!keys.includes(key)) throw new Fault("other-key", {file: KEYS});
        await this.note(head, key);
      }
      newer = body;
    }
  }

  async note({file, origin, size, root}, key) {
    const text = `${origin}\n${size}\n${base64(unhex(root))}\n`;
    const data = readable(await this.folder.read(file));
    if (!data.startsWith(`${text}\n`)) throw new Fault("head", {file});
    const known = publicOf(key), id = await keyId(origin, known), before = `\u2014 ${origin} `;
    for (const line of data.slice(text.length + 1).split("\n")) {
      const at = line.indexOf(before);
      const raw = at < 0 ? null : unbase64(line.slice(at + before.length));
      if (raw && same(raw.subarray(0, 4), id) && await verifies(known, raw.slice(4), utf8(text))) return;
    }
    throw new Fault("signature", {file});
  }

  moment(point, synced = false) {
    const at = {boot: point.boot, boottime: point.boottime_ms, wall: point.wall_ms};
    const epochs = this.clock.filter(one => one[0] === at.boot && one[1] <= at.boottime);
    if (epochs.length && !synced) {
      const begun = Math.max(...epochs.map(one => one[1]));
      const offset = epochs.filter(one => one[1] === begun).pop()[2];
      if (offset !== null) at.wall = at.boottime + offset;
    }
    return at;
  }

  async camera(camera) {
    const recordings = [], {id} = camera;
    for (const entry of camera.segments) {
      const body = this.leaf(entry.leaf, ["segment"], id);
      if (body && has(body, "root") && has(body, "parts")) {
        recordings.push(new Recording(entry, body, this.moment(body.start, body.synced)));
      } else if (body) this.say("leaf-other", {leaf: entry.leaf});
    }
    const before = this.faults, known = recordings.length === camera.segments.length;
    if (known) {
      const films = camera.files.map(() => []);
      for (const one of recordings) films[one.entry.file].push(one);
      await this.proving("original", {camera: id, parts: 0, pictures: 0}, async where => {
        this.bounded(camera, recordings);
        const headers = await this.headers(camera, recordings);
        for (const [number, {path}] of camera.files.entries()) {
          await this.film(camera, path, films[number], headers, where);
        }
        this.sources(camera);
      });
      if (this.faults === before) await this.proving("timed", {camera: id}, () => this.times(camera, films));
    }
    await this.proving("complete", {camera: id}, where => {
      if (this.faults === before && known) this.uncut(camera, recordings);
      this.account(camera, recordings, where);
    });
  }

  bounded(camera, recordings) {
    const told = new Map(recordings.map(one => [one.entry.leaf, one.body.parts])), file = this.folder.files.get(camera.hashes);
    if (32 * [...told.values()].reduce((sum, parts) => sum + parts, 0) > (file ? file.size : 0)) {
      throw new Fault("hashes", {file: camera.hashes, begin: this.time(recordings[0].start.wall)});
    }
  }

  async headers(camera, recordings) {
    const path = camera.headers, found = new Map(), file = this.folder.file(path), reader = new Reader(file);
    await this.folder.tried(path, async () => {
      let at = 0;
      for (const one of recordings) {
        if (found.has(one.entry.leaf)) continue;
        const header = (await reader.bytes(at, at + Math.min(one.entry.header_bytes, HEADER_MAX))).slice();
        at += header.length;
        let said = [];
        try { said = likeness(header); } catch (error) { if (!(error instanceof Broken)) throw error; }
        if (!said.length || !same(await leafHash(header), (await this.hashes(camera, one))[0])) {
          throw new Fault("header", {file: path});
        }
        found.set(one.entry.leaf, said.join());
      }
      if (at < file.size) throw new Fault("tail", {file: path});
    });
    return found;
  }

  async film(camera, path, mine, headers, where) {
    const file = this.folder.file(path);
    const reader = new Reader(file);
    let walk, header, whole;
    await this.folder.tried(path, async () => {
      header = (await reader.bytes(0, Math.min(mine[0].entry.at, HEADER_MAX))).slice();
      const first = (await this.hashes(camera, mine[0]))[0];
      if (!same(await leafHash(header), first)) this.say("header", {file: path});
      walk = new Walk(mine, one => this.hashes(camera, one), this.folder.progress);
      whole = await walk.through(reader, file.size);
    });
    for (const key of [...walk.trouble.keys()].sort()) {
      const {index: at, code, first, last} = walk.trouble.get(key), one = mine[at];
      this.say(code, {file: path, first, last, ...this.span(one.about(first), one.about(last + 1))});
    }
    if (!whole) this.say("tail", {file: path});
    if (!walk.trouble.size && mine.some(one => one.at !== one.entry.at || one.bytes !== one.entry.bytes)) {
      this.say("layout", {file: path});
    }
    where.parts += walk.parts;
    for (const one of mine) where.pictures += one.pictures;
    let found;
    try { found = rates(header); } catch (error) {
      if (error instanceof Broken) throw new Fault("header", {file: path});
      throw error;
    }
    for (const one of mine) {
      const tracks = value => Object.keys(value).sort().join();
      if (tracks(one.entry.offsets) !== tracks(found)) throw new Fault("layout", {file: path});
      if (headers.get(one.entry.leaf) !== headers.get(mine[0].entry.leaf)) {
        throw new Fault("header-other", {file: path, begin: this.time(one.start.wall)});
      }
      one.rates = found;
    }
  }

  async hashes(camera, {entry, body, start}) {
    const file = camera.hashes, from = 32 * entry.first_hash, count = body.parts;
    if (this.level && this.level.file === file && this.level.leaf === entry.leaf) return this.level.level;
    const data = await this.folder.tried(file, () =>
      bytesOf(this.folder.file(file), from, from + 32 * Math.min(count, PARTS_MAX)));
    const level = [];
    for (let at = 0; at < data.length; at += 32) level.push(data.subarray(at, at + 32));
    if (!level.length || data.length !== 32 * count || hex(await rootOf(level)) !== body.root) {
      throw new Fault("hashes", {file, begin: this.time(start.wall)});
    }
    if (entry.last_part >= count) throw new Fault("layout", {file});
    this.level = {file, leaf: entry.leaf, level};
    return level;
  }

  sources(camera) {
    const listed = new Map(this.list.files.map(one => [one.path, one]));
    for (const {leaf, original} of [...camera.segments, ...camera.loose]) {
      const body = original === null ? null : this.leaf(leaf, ["segment"], camera.id);
      if (!body) continue;
      const one = listed.get(original);
      if (!one || one.bytes !== body.bytes || one.sha256 !== body.sha256) this.say("source", {file: original});
    }
  }

  async times(camera, films) {
    const lost = new Set(camera.gaps.flatMap(entry => this.lost(camera, entry)));
    let last = null;
    for (const [number, entry] of camera.files.entries()) {
      const file = entry.path, spans = [];
      let reached = 0;
      for (const one of films[number].filter(one => one.begin !== null)) {
        const wall = one.wall(one.begin), at = one.film(one.begin), begin = this.time(wall);
        let near = SPLICE_MS;
        if (last) {
          near = Math.max(near, last.stop.wall - last.wall(last.end));
          if (spans.length && last.entry.leaf === one.entry.leaf) near = 0;
          if (order(one.start, last.start) < 0) near = -1;
        }
        if (!(0 <= at - reached && at - reached <= near)) this.say("film-times", {file, begin});
        if (Math.abs(one.soundShift) > JOIN_MS) this.say("sound", {file, begin});
        spans.push([at, wall]);
        reached = one.film(one.end);
        last = one;
      }
      await this.subtitles(entry.subtitles, camera, spans, lost);
    }
    const shown = films.flat().filter(one => one.begin !== null), first = shown[0];
    this.said(camera, camera.from, first ? first.wall(first.begin) : null, EDGE_MS);
    this.said(camera, camera.to, last ? last.wall(last.end) : null, EDGE_MS);
  }

  said(camera, said, real, near = 0) {
    const told = said === null ? null : instant(said)[0];
    const fits = told === null || real === null ? told === real : Math.abs(told - real) <= near;
    if (!fits) {
      this.say("times", {camera: camera.id, said: said || "-", true: real === null ? "-" : this.time(real)});
    }
  }

  async subtitles(path, camera, spans, lost) {
    const request = has(this.list, "office_request") ? BY_REQUEST + this.list.office_request : "";
    const place = escaped(`${camera.name} ${this.list.site}${request}`);
    const wrong = what => { throw new Fault("damaged", {file: path, what}); };
    let block = [], at = 0, count = 0, begun = 0;
    const flush = () => {
      const found = block.length === 3 ? CUE.exec(block[0]) : null;
      if (found) {
        const begin = milliseconds(found.slice(1, 5)), end = milliseconds(found.slice(5, 9));
        while (at + 1 < spans.length && spans[at + 1][0] <= begin) at++;
        if (begin < begun || end < begin) wrong(block[0]);
        begun = begin;
        const [film, wall] = spans.length ? spans[at] : [begin, 0];
        this.cue(path, block, found[9] === "line:0" ? null : place, end - begin, wall + begin - film, lost);
      } else if (block.length && (block.length !== 1 || block[0] !== "WEBVTT" || count)) wrong(block[0]);
      if (block.length) count++;
      block = [];
    };
    for await (const line of this.folder.lines(path)) {
      const text = readable(line);
      if (text.includes("\r")) wrong("CR");
      if (text) block.push(text);
      else flush();
    }
    flush();
  }

  cue(path, block, place, lasts, wall, lost) {
    const found = (place === null ? NOTICE : CLOCK).exec(block[1]);
    if (!found || (place !== null && place !== block[2]) || block[2].includes("<")) {
      throw new Fault("damaged", {file: path, what: block[1]});
    }
    const told = [];
    for (let at = 1; at < found.length; at += 2) told.push(this.site(found[at], found[at + 1]));
    const right = place === null ? told[0].some((begin, index) => lost.has(`${begin} ${told[1][index]}`)) :
      lasts <= 1000 && told[0].some(one => Math.abs(one - wall) <= SUBTITLE_MS);
    if (!right) this.say("subtitles", {file: path, said: this.time(told[0][0]), true: this.time(wall)});
  }

  site(day, clock) {
    const at = instant(`${day}T${clock}.000+00:00`);
    return this.zones.map(ahead => (at ? at[0] : 0) - ahead * 60000);
  }

  get asked() { return [instant(this.list.asked.from)[0], instant(this.list.asked.to)[0]]; }

  uncut(camera, recordings) {
    const [asked, until] = this.asked;
    const segments = new Map(recordings.map(one => [one.entry.leaf, []]));
    for (const one of recordings) segments.get(one.entry.leaf).push(one);
    for (const pieces of segments.values()) {
      const one = pieces[0], last = pieces[pieces.length - 1];
      const whole = one.isFirst && last.isLast;
      const begun = one.isFirst ||
        (one.begin !== null && one.start.wall < asked && one.wall(one.begin) <= asked + EDGE_MS);
      const ended = last.isLast || (last.stop.wall > until && last.wall(last.end) >= until - EDGE_MS);
      const follows = pieces.slice(1).every((after, index) => after.first === pieces[index].last + 1);
      const pictures = pieces.reduce((sum, piece) => sum + piece.pictures, 0);
      // A salvaged file has no index: without its last fragment it seems whole, too.
      // That fragment need not be there where what was asked for ends before it.
      const endsBefore = last.stop.wall > until && last.wall(last.end) >= until;
      const counted = endsBefore || !whole || one.body.frames === 0 || one.body.frames === pictures;
      if (!(begun && ended && follows && counted)) {
        const span = this.span(Math.max(asked, one.start.wall), Math.min(until, one.stop.wall));
        this.say("cut", {camera: camera.id, ...span});
      }
    }
  }

  account(camera, recordings, where) {
    const [asked, until] = this.asked, claims = this.recorded(camera, recordings), spent = {};
    const within = (begin, end) => Math.max(0, Math.min(end, until) - Math.max(begin, asked));
    spent.recorded = claims.reduce((sum, {start, stop}) => sum + within(start.wall, stop.wall), 0);
    for (const kind of ["gaps", "destroyed"]) {
      spent[kind] = 0;
      for (const entry of camera[kind]) {
        const [claim, spans] = this.claim(camera, kind, entry);
        const lost = spans.reduce((sum, [begin, end]) => sum + within(begin, end), 0);
        spent[kind] += lost;
        if (claim) claims.push(claim);
        else spent.recorded -= lost;
      }
    }
    claims.push(...this.beside(camera, within));
    claims.sort((one, other) => order(one.start, other.start) || order(one.stop, other.stop));
    this.holes(camera, claims);
    claims.slice(1).forEach((after, index) => {
      const one = claims[index];
      if (one.kind === "gap" && after.kind === "segment" && after.leaf < one.leaf) {
        this.say("late", {camera: camera.id, leaf: one.leaf, ...this.span(one.start.wall, one.stop.wall)});
      }
    });
    Object.assign(where, this.span(asked, until), {
      recorded: lasting(spent.recorded), missing: lasting(spent.gaps), destroyed: lasting(spent.destroyed),
    });
  }

  recorded(camera, recordings) {
    const known = new Map(recordings.map(one => [one.entry.leaf, [one.start, one.body]]));
    for (const {leaf} of camera.loose) {
      const body = this.leaf(leaf, ["segment"], camera.id);
      if (body) known.set(leaf, [this.moment(body.start, body.synced), body]);
    }
    const unsynced = [];
    const claims = [...known].map(([leaf, [start, body]]) => {
      const stop = plus(start, body.duration_ms), span = {camera: camera.id, ...this.span(start.wall, stop.wall)};
      if (body.unproven) this.say("unproven", span);
      if (!body.synced) unsynced.push({start, stop});
      return {start, stop, leaf, kind: "segment"};
    });
    for (const [begin, end] of stretches(unsynced)) {
      this.say("unsynced", {camera: camera.id, ...this.span(begin.wall, end.wall)});
    }
    return claims;
  }

  claim(camera, kind, entry) {
    const {leaf} = entry, body = this.leaf(leaf, kind === "gaps" ? ["gap"] : ["destroyed", "span"], camera.id);
    if (!body) return [null, []];
    if (body.gone) {
      this.say("leaf-other", {leaf});
      return [null, []];
    }
    const start = this.moment(body.start);
    const stop = kind === "gaps" ? this.ended(body) : plus(start, body.duration_ms);
    const begin = start.wall, end = stop.wall, where = {camera: camera.id, ...this.span(begin, end)};
    this.said(camera, entry.from, begin);
    this.said(camera, entry.to, end);
    if (kind === "destroyed") {
      this.say("destroyed", where);
      return [{start, stop, leaf, kind}, [[begin, end]]];
    }
    if (entry.cause !== body.cause) this.say("times", {camera: camera.id, said: entry.cause, true: body.cause});
    [where.cause_zh, where.cause_en] = has(words.causes, body.cause) ? words.causes[body.cause] : [body.cause, body.cause];
    const spans = missed(body, begin, end);
    if (!body.inside) {
      this.say("gap", where);
      return [{start, stop, leaf, kind: "gap"}, spans];
    }
    this.say("pauses", {missing: lasting(spans.reduce((sum, [low, high]) => sum + high - low, 0)), ...where});
    return [null, spans];
  }

  beside(camera, within) {
    const claims = [], outside = ({start, stop}) => !within(start.wall, stop.wall);
    for (const leaf of camera.beside) {
      const body = this.leaf(leaf, ["segment", "gap"], camera.id);
      if (!body) continue;
      const recorded = this.leaves.get(leaf).k === "segment", start = this.moment(body.start, recorded && body.synced);
      const stop = recorded ? plus(start, body.duration_ms) : this.ended(body), claim = {start, stop, leaf};
      if (body.gone || body.inside || (!recorded && !outside(claim))) {
        this.say("leaf-other", {leaf});
        continue;
      }
      if (!outside(claim)) this.say("absent", {camera: camera.id, ...this.span(start.wall, stop.wall)});
      claims.push({...claim, kind: recorded ? "segment" : "gap"});
    }
    const others = claims.filter(outside);
    if (others.length) {
      const least = others.reduce((found, {start}) => Math.min(found, start.wall), Infinity);
      const most = others.reduce((found, {stop}) => Math.max(found, stop.wall), -Infinity);
      this.say("beside", {camera: camera.id, count: others.length, ...this.span(least, most)});
    }
    return claims;
  }

  ended(gap) { return this.moment(gap.end || gap.until || gap.start); }

  lost(camera, {leaf}) {
    const body = this.leaf(leaf, ["gap"], camera.id);
    if (!body) return [];
    const spans = missed(body, this.moment(body.start).wall, this.ended(body).wall);
    return spans.map(([begin, end]) => `${Math.floor(begin / 1000) * 1000} ${Math.ceil(end / 1000) * 1000}`);
  }

  holes(camera, claims) {
    const [asked, until] = this.asked;
    const hole = (begin, end) => this.say("hole", {camera: camera.id, ...this.span(begin, end)});
    let reached = null;
    for (const {start, stop} of claims) {
      if (reached === null) {
        if (start.wall > asked + JOIN_MS) hole(asked, start.wall);
      } else if (start.boot !== reached.boot || start.boottime > reached.boottime + JOIN_MS) {
        hole(reached.wall, start.wall);
      }
      reached = reached === null || order(stop, reached) > 0 ? stop : reached;
    }
    if (reached === null || reached.wall < until - JOIN_MS) hole(reached === null ? asked : reached.wall, until);
  }

  async copied() {
    const leaf = this.list.copy, body = this.leaf(leaf, ["copy"]), {checkpoints} = this.list;
    if (!body) return;
    const segments = this.list.cameras.flatMap(camera => camera.segments), told = {};
    const wanted = {
      event: "begun",
      export: this.list.export,
      cameras: canonical(this.list.cameras.map(one => one.id).sort()),
      from: this.asked[0],
      to: this.asked[1],
    };
    for (const name of ["office_request", "office_row"]) wanted[name] = has(this.list, name) ? this.list[name] : null;
    if (segments.length) wanted.whole = segments.every(one => one.original !== null);
    for (const name of ["who", "reason", "case", "request"]) {
      const opening = this.list[name];
      wanted[name] = opening && hex(await sha256(joined(unhex(opening.salt), utf8(opening.text))));
      if (opening) told[name] = opening.text;
    }
    const found = {...body, cameras: canonical([...body.cameras].sort())};
    await this.proving("copied", {export: this.list.export, ...told}, () => {
      for (const [what, value] of Object.entries(wanted)) {
        if ((has(found, what) ? found[what] : null) !== value) this.say("copy", {leaf, what});
      }
      if (!checkpoints.length || leaf < checkpoints[checkpoints.length - 1].first) {
        this.say("copy", {leaf, what: "origin"});
      }
    });
  }
}

const two = value => String(value).padStart(2, "0");
const milliseconds = parts => parts.map(Number).reduce((sum, part, index) => sum * [60, 60, 60, 1000][index] + part, 0);
const escaped = text => text.replace(/[&<>\n\r]/g, one => ({"&": "&amp;", "<": "&lt;", ">": "&gt;"})[one] || " ");

function missed(gap, begin, end) {
  const told = (gap.pauses || []).map(([since, lasted]) => [begin + since, begin + since + lasted]);
  return told.length ? told : [[begin, end]];
}

function lasting(ms) {
  const all = Math.max(0, ms), seconds = Math.floor(all / 1000);
  const tenths = Math.floor(all % 1000 / 100);
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}.${tenths}`;
}

function stretches(claims) {
  const found = [];
  for (const {start, stop} of claims.sort((one, other) => order(one.start, other.start) || order(one.stop, other.stop))) {
    const last = found[found.length - 1], end = last && last[1];
    if (last && start.boot === end.boot && start.boottime <= end.boottime + JOIN_MS &&
        Math.abs(start.wall - start.boottime - end.wall + end.boottime) <= JOIN_MS) {
      if (order(end, stop) < 0) last[1] = stop;
    } else found.push([start, stop]);
  }
  return found;
}

function isLitter(path, listed) {
  const at = path.lastIndexOf("/") + 1, name = path.slice(at), beside = path.slice(0, at) + name.slice(2);
  const known = listed.has(beside) || beside === LIST || beside === ENVELOPE;
  return LITTER.includes(name.toLowerCase()) || (name.startsWith("._") && known);
}

/* What a line says, in Chinese and in English. */
function sentence([code, where]) {
  return words.sentences[code].slice(1).map(text => text.replace(/\{(\w+)\}/g, (_, name) => String(where[name])));
}

words.sentences["no-ed25519"] = ["x", ...words.page["no-ed25519"]];

const run = async (files, {pinned = null, ...options} = {}) =>
  new Check(new Folder(files, options), pinned && new Set(pinned)).run();
return Object.assign(run, {sentence, signOf: code => words.sentences[code][0], limits: words.limits});
})();
