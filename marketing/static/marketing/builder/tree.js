// What is known about rule trees without a page: groups, forms, blanks, and the way back.

export const GROUPS = ["all", "any", "not"];
export const howOf = (node) => GROUPS.find((how) => how in node);
export const isObject = (node) => node !== null && typeof node === "object" && !Array.isArray(node);
export const copyOf = (node) => JSON.parse(JSON.stringify(node));
/* When something counts: the last days, or from one day until before another. */
export const SPAN = ["within_days", "since", "until"];
export const dayOf = (daysAgo = 0) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/* A node with its groups as lists, as one condition may stand alone in a "not"; null where one is none. */
export const listed = (node) => {
  const how = isObject(node) ? howOf(node) : undefined;
  if (!how) return node;
  const inner = how === "not" && isObject(node.not) ? [node.not] : node[how];
  const nodes = Array.isArray(inner) ? inner.map(listed) : [null];
  return nodes.includes(null) ? null : { ...node, [how]: nodes };
};

/* Any JSON as a tree with a group at its root; null where it is none. */
export const treeOf = (found) => {
  if (!isObject(found)) return null;
  const { version, ...body } = found;
  const root = listed(body);
  if (root === null) return null;
  if (howOf(root)) return { version: version ?? 1, ...root };
  return { version: version ?? 1, all: Object.keys(root).length ? [root] : [] };
};

/* The forms of conditions: which one shows a condition, and what a fresh one holds. */
export class Forms {
  constructor({ entries, operators }) {
    this.entries = entries;
    this.operators = operators;
    this.first = entries[0];
  }

  /* The form of a condition, if the condition holds nothing that the form cannot show. */
  of(node) {
    if (!isObject(node)) return null;
    const fitting = this.entries.filter((entry) => !entry.is_raw && this.shows(entry, node));
    const fixed = (entry) => Object.keys(entry.fixed ?? {}).length;
    return fitting.sort((a, b) => fixed(b) - fixed(a))[0] ?? null;
  }

  shows(entry, node) {
    const fixed = entry.fixed ?? {};
    if (!(entry.kind in node)) return false;
    if (!Object.entries(fixed).every(([key, value]) => same(node[key], value))) return false;
    const keys = this.keysOf(entry);
    return Object.keys(node).every((key) => keys.includes(key)) && this.fits(entry, node);
  }

  /* Whether each value is of the sort that its control shows. */
  fits(entry, node) {
    if (entry.filters && entry.filters in node && !node[entry.filters]?.every?.(isObject)) return false;
    for (const { key, type } of entry.controls ?? []) {
      if (type === "pair" && node[key]?.length !== 2) return false;
    }
    if (!entry.family) return true;
    const operator = this.operators[entry.family].find((one) => one.code === node.op);
    if (!operator) return !("op" in node) || node.op === undefined;
    return Array.isArray(node.value) === (operator.value === "many");
  }

  keysOf(entry) {
    return [
      entry.kind,
      ...Object.keys(entry.fixed ?? {}),
      ...(entry.subject ? [entry.subject.key] : []),
      ...(entry.details ?? []).map((detail) => detail.key),
      ...(entry.family ? ["op", "value"] : []),
      ...(entry.controls ?? []).flatMap((control) => (control.type === "span" ? SPAN : [control.key])),
      ...(entry.filters ? [entry.filters] : []),
    ];
  }

  /* The key that names the kind comes first: the rules read it so. */
  fresh(entry) {
    if (entry.is_raw) return { [entry.kind]: "" };
    const made = { [entry.kind]: undefined, ...(entry.fixed ?? {}) };
    if (entry.subject) made[entry.subject.key] = "";
    for (const detail of entry.details ?? []) made[detail.key] = "";
    if (entry.family) Object.assign(made, this.blank(this.operators[entry.family][0]));
    for (const control of entry.controls ?? []) {
      if (control.is_optional) continue;
      if (control.type === "choice") made[control.key] = control.options[0]?.[0] ?? null;
      else if (control.type === "many") made[control.key] = [];
      else if (control.type === "one") made[control.key] = "";
      else if (control.type === "pair") made[control.key] = ["", ""];
      else made[control.key] = control.start ?? 1;
    }
    return made;
  }

  blank(operator) {
    const blanks = { many: [], number: 1, days: 30, date: dayOf(), none: undefined };
    const value = operator.value in blanks ? blanks[operator.value] : "";
    return value === undefined ? { op: operator.code } : { op: operator.code, value };
  }
}

/* Steps back and forth; quick changes of one thing are one step. */
export class History {
  constructor(text, clock = () => Date.now()) {
    this.steps = [text];
    this.at = 0;
    this.clock = clock;
    this.last = { key: null, at: 0 };
  }

  get text() {
    return this.steps[this.at];
  }

  record(text, key = null) {
    if (text === this.text) return;
    const isSame = key !== null && key === this.last.key && this.clock() - this.last.at < 1500;
    this.steps.length = this.at + 1;
    if (isSame && this.at > 0) this.steps[this.at] = text;
    else this.at = this.steps.push(text) - 1;
    this.last = { key, at: this.clock() };
  }

  move(by) {
    const to = this.at + by;
    if (to < 0 || to >= this.steps.length) return false;
    this.at = to;
    this.last = { key: null, at: 0 };
    return true;
  }
}
