// The filters: which records are shown, and the counts next to the choices.

const limits = (range) => range.least > 0 || range.most < 1000;

function fits(spans, at) {
  for (const range of ranges) { // a span without a score is outside all limits
    const value = spans[at + range.of];
    if (limits(range) && (value < range.least || value > range.most)) return false;
  }
  if (selection.comparison === "all") return true;
  const comparison = spans[at + COMPARISON];
  return selection.comparison === "any" ? comparison !== SAME : comparison === selection.comparison;
}

const groupOf = (spans, at) => concepts[spans[at + CONCEPT]][2];
const inGroups = (spans, at) => !selection.groups.size || selection.groups.has(groupOf(spans, at));
const bySpans = () => ranges.some(limits) || selection.comparison !== "all";

function filter() {
  const text = selection.text.trim().toLowerCase();
  if (text && !lowered) lowered = records.map((record) => record[CAPTION].toLowerCase());
  const places = new Int32Array(records.length);
  let count = 0, mentions = 0, groupBits = 0;
  for (const group of selection.groups) groupBits |= 1 << group;
  counts.groups.fill(0);
  counts.concepts.fill(0);
  counts.lastRecord.fill(-1);
  for (let i = 0; i < records.length; i++) {
    if (text && !lowered[i].includes(text)) continue;
    const record = records[i], found = new Set();
    let bits = 0, fitting = 0;
    for (const side of SPANS) {
      const spans = record[side];
      for (let at = 0; at < spans.length; at += WIDTH) {
        if (!fits(spans, at)) continue;
        fitting++;
        bits |= 1 << groupOf(spans, at);
        if (selection.concepts.has(spans[at + CONCEPT])) found.add(spans[at + CONCEPT]);
      }
    }
    if ((bySpans() && !fitting) || found.size < selection.concepts.size) continue;
    for (let group = 0; bits >> group; group++) if (bits >> group & 1) counts.groups[group]++;
    if (groupBits && !(bits & groupBits)) continue;
    places[count++] = i;
    for (const side of SPANS) {
      const spans = record[side];
      for (let at = 0; at < spans.length; at += WIDTH) {
        if (!fits(spans, at) || !inGroups(spans, at)) continue;
        mentions++;
        const concept = spans[at + CONCEPT];
        if (counts.lastRecord[concept] !== i) counts.concepts[concept]++;
        counts.lastRecord[concept] = i;
      }
    }
  }
  shown = places.slice(0, count);
  const all = records.length;
  byId("count").textContent =
    `${number(count)}${count < all ? ` of ${number(all)}` : ""} records, ${number(mentions)} mentions`;
}

function apply() {
  filter();
  active = -1;
  const width = list.clientWidth;
  heights = Float32Array.from(shown, (index) => estimate(records[index], width));
  offsets = new Float64Array(shown.length + 1);
  addUp();
  for (const element of rendered.values()) element.remove();
  rendered.clear();
  hideTip();
  byId("nothing").hidden = shown.length > 0;
  window.scrollTo(0, Math.min(window.scrollY, listTop()));
  layout();
  showGroups();
  showConcepts();
}

let waiting = false;
function applySoon() { // all events of one frame are filtered together
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; apply(); });
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
  apply();
}

function showGroups() {
  const list = byId("group-list");
  const focused = document.activeElement?.dataset.group;
  list.replaceChildren(...groups.flatMap(([name, title], group) => {
    if (!used[group]) return [];
    const chip = make("button", `chip g g-${name}`, title);
    chip.type = "button";
    chip.dataset.group = String(group);
    chip.classList.toggle("none", !counts.groups[group]);
    chip.setAttribute("aria-pressed", String(selection.groups.has(group)));
    chip.append(make("small", "", number(counts.groups[group])));
    chip.addEventListener("click", () => toggle(selection.groups, group));
    return [chip];
  }));
  if (focused) list.querySelector(`[data-group="${focused}"]`)?.focus();
}

function showConcepts() {
  const list = byId("concept-list");
  const text = byId("concept-text").value.trim().toLowerCase();
  const focused = document.activeElement?.dataset.concept;
  const order = [];
  for (let i = 0; i < concepts.length; i++) {
    if (!selection.concepts.has(i)) {
      if (!counts.concepts[i]) continue;
      if (text && !`${concepts[i][0]} ${concepts[i][1]}`.toLowerCase().includes(text)) continue;
    }
    order.push(i);
  }
  const pressed = (i) => Number(selection.concepts.has(i));
  order.sort((a, b) => pressed(b) - pressed(a) || counts.concepts[b] - counts.concepts[a] || a - b);
  const most = Math.max(1, ...order.slice(0, SHOWN_CONCEPTS).map((i) => counts.concepts[i]));
  list.replaceChildren(...order.slice(0, SHOWN_CONCEPTS).map((i) => {
    const [cui, name, group] = concepts[i];
    const button = make("button", "");
    button.type = "button";
    button.dataset.concept = String(i);
    button.title = `${name} ${cui}`.trim();
    button.setAttribute("aria-pressed", String(selection.concepts.has(i)));
    const dot = make("span", `dot g g-${groups[group][0]}`);
    button.append(dot, make("span", "name", name || cui), make("span", "number", number(counts.concepts[i])));
    button.style.setProperty("--share", `${100 * counts.concepts[i] / most}%`);
    button.addEventListener("click", () => toggle(selection.concepts, i));
    return button;
  }));
  if (focused) list.querySelector(`[data-concept="${focused}"]`)?.focus();
  byId("concept-count").textContent = `(${number(order.length)})`;
  const more = order.length - SHOWN_CONCEPTS;
  byId("concept-more").textContent = more > 0 ? `and ${number(more)} more; find them by name or id` : "";
}

function showComparisons() {
  const totals = COMPARISONS.map(() => SPANS.map(() => 0));
  for (const record of records) {
    SPANS.forEach((side, which) => {
      for (let at = 0; at < record[side].length; at += WIDTH) totals[record[side][at + COMPARISON]][which]++;
    });
  }
  const sum = (which) => number(totals[1][which] + totals[2][which] + totals[3][which]);
  const choices = [["all", "all records", ""], ["any", "any difference", `${sum(0)} | ${sum(1)}`]];
  COMPARISONS.forEach((title, comparison) => {
    const name = title === "only here" ? "only in one" : title;
    choices.push([comparison, name, totals[comparison].map(number).join(" | ")]);
  });
  byId("comparison-list").replaceChildren(...choices.map(([value, title, total]) => {
    const button = make("button", "");
    button.type = "button";
    button.dataset.comparison = String(value);
    button.setAttribute("aria-pressed", String(selection.comparison === value));
    button.append(make("span", ""), make("span", "name", title), make("span", "number", total));
    button.addEventListener("click", () => {
      selection.comparison = value;
      for (const other of byId("comparison-list").children) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      apply();
    });
    return button;
  }));
  byId("comparisons").hidden = false;
  byId("comparisons").append(make("p", "hint", `Numbers count mentions: ${data.sources.join(" | ")}`));
}
