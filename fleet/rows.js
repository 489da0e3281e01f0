"use strict";
/* A table that is brought up to date and never rebuilt: only the cells whose words changed are touched.

   Everything that is shown goes through `write`: as text, without what could hide or reorder it. */
const Rows = (() => {
/** Control and format characters: among them those that turn the direction of text around. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;
const SHOWN_MAX = 400;

function write(element, words) {
  const all = String(words), cut = all.length > SHOWN_MAX ? `${all.slice(0, SHOWN_MAX - 1)}…` : all;
  const shown = cut.replace(UNSEEN, " ");
  if (element.textContent !== shown) element.textContent = shown;
}

function make(tag, role, className = "") {
  const element = document.createElement(tag);
  if (role) element.setAttribute("role", role);
  if (className) element.className = className;
  return element;
}

/** A cell is words, or `{text, sub, tone, href}`: the words, smaller ones below, a colour's name, a link. */
class Cell {
  constructor(column, first) {
    this.element = make(first ? "th" : "td", first ? "rowheader" : "cell", column);
    if (first) this.element.scope = "row";
    this.shown = {};
  }

  show(cell) {
    const {text = cell, sub = "", tone = "", href = ""} = typeof cell === "object" ? cell : {};
    if (href && !this.main) this.#grow("main", make("a", ""));
    if (!this.main) this.#grow("main", make("span", "", "main"));
    if (sub && !this.small) this.#grow("small", make("span", "", "sub"));
    if (this.shown.text !== text) write(this.main, text);
    if (this.small && this.shown.sub !== sub) write(this.small, sub);
    if (href && this.shown.href !== href) this.main.setAttribute("href", href);
    if (this.shown.tone !== tone) this.element.dataset.tone = tone;
    this.shown = {text, sub, tone, href};
  }

  #grow(name, element) {
    this[name] = element;
    if (name === "small") this.element.append(" ");  // words of their own to a reader, too
    this.element.append(element);
  }
}

class Row {
  constructor(columns) {
    this.element = make("tr", "row");
    this.cells = columns.map((column, place) => new Cell(column, place === 0));
    this.element.append(...this.cells.map(cell => cell.element));
  }

  show({cells, tone = "", stale = false}, labels) {
    cells.forEach((cell, place) => {
      this.cells[place].show(cell);
      const label = this.cells[place].element;
      if (label.dataset.label !== labels[place]) label.dataset.label = labels[place];
    });
    this.element.dataset.tone = tone;
    this.element.classList.toggle("stale", stale);
  }
}

class Table {
  /** `sorted(column)` is called for a head that is clicked; without it heads are words. */
  constructor(table, columns, {sortable = [], sorted = null} = {}) {
    this.table = table;
    this.columns = columns;
    this.rows = new Map();
    const head = make("thead", "rowgroup"), line = make("tr", "row");
    this.heads = columns.map(column => {
      const cell = make("th", "columnheader", column);
      cell.scope = "col";
      const target = sortable.includes(column) ? make("button", "") : make("span", "");
      if (target instanceof HTMLButtonElement) {
        target.type = "button";
        target.addEventListener("click", () => sorted(column));
      }
      cell.append(target);
      line.append(cell);
      return {cell, target, column};
    });
    head.append(line);
    this.body = make("tbody", "rowgroup");
    table.append(head, this.body);
  }

  /** The words of the heads, and by which the rows are sorted. */
  title(order = null) {
    this.labels = this.columns.map(column => Words.say(column));
    this.heads.forEach(({cell, target, column}, place) => {
      write(target, this.labels[place]);
      if (order !== null) cell.setAttribute("aria-sort", column === order ? "ascending" : "none");
    });
  }

  update(key, item) {
    let row = this.rows.get(key);
    if (row === undefined) this.rows.set(key, row = item.group ? new Group() : new Row(this.columns));
    row.show(item, this.labels);
    return row;
  }

  /** These rows, in this order; what moves keeps the focus. */
  arrange(keys) {
    const focused = document.activeElement, wanted = new Set(keys);
    for (const [key, row] of this.rows) {
      if (wanted.has(key)) continue;
      row.element.remove();
      if (row instanceof Group) this.rows.delete(key);
    }
    keys.forEach((key, place) => {
      const {element} = this.rows.get(key), there = this.body.children[place];
      if (there !== element) this.body.insertBefore(element, there ?? null);
    });
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({preventScroll: true});
  }

  forget(key) {
    this.rows.get(key)?.element.remove();
    this.rows.delete(key);
  }

  /** All at once: `items` with a `key` each. */
  fill(items) {
    const keys = items.map(one => one.key);
    for (const key of [...this.rows.keys()]) if (!keys.includes(key)) this.forget(key);
    items.forEach(one => this.update(one.key, one));
    this.arrange(keys);
  }
}

/** A line over the rows that belong together. */
class Group {
  constructor() {
    this.element = make("tr", "row", "group");
    this.cell = make("th", "rowheader");
    this.cell.colSpan = 99;
    this.cell.scope = "rowgroup";
    this.element.append(this.cell);
  }

  show({text}) { write(this.cell, text); }
}

return {Table, write};
})();
