// Keys and controls, and the first rendering.

function goTo(place) {
  if (!shown.length) return;
  active = Math.max(0, Math.min(place, shown.length - 1));
  for (let round = 0; round < 3; round++) { // layout() measures heights, which moves the target
    window.scrollTo(0, offsets[active] + listTop());
    layout();
  }
  rendered.get(active).focus({ preventScroll: true });
}

const current = () => {
  const place = document.activeElement?.closest?.(".record")?.dataset.place;
  return place === undefined ? active : Number(place);
};
const openFilters = (open) => {
  byId("filters").classList.toggle("open", open);
  byId("filters-button").setAttribute("aria-expanded", String(open));
};
const keys = {
  "/": () => { openFilters(true); byId("text").focus(); byId("text").select(); },
  j: () => goTo(current() + 1),
  k: () => goTo(current() - 1),
  PageDown: () => goTo(current() + 1),
  PageUp: () => goTo(current() - 1),
  g: () => goTo(0),
  G: () => goTo(shown.length - 1),
  c: reset,
  "?": () => byId("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.matches?.("input")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  // Page Up and Page Down move by records inside the list, as its role requires; elsewhere they scroll.
  if (event.key.startsWith("Page") && !event.target.closest?.(".record")) return;
  if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
});

function reset() {
  Object.assign(selection, { text: "", comparison: "all" });
  selection.groups.clear();
  selection.concepts.clear();
  for (const id of ["text", "concept-text"]) byId(id).value = "";
  for (const range of ranges) {
    Object.assign(range, { least: 0, most: 1000 });
    range.ids.forEach((id, end) => { byId(id).value = String(end); byId(`${id}-out`).textContent = `${end}.00`; });
  }
  const [all, ...others] = byId("comparison-list").children;
  all?.setAttribute("aria-pressed", "true");
  others.forEach((other) => other.setAttribute("aria-pressed", "false"));
  apply();
}

// The first rendering.
const used = groups.map(() => false);
for (const [, , group] of concepts) used[group] = true;
byId("key").replaceChildren(...groups.flatMap(([name, title], group) =>
  used[group] ? [make("span", `chip g g-${name}`, title)] : []));
byId("text").addEventListener("input", (event) => { selection.text = event.target.value; applySoon(); });
byId("concept-text").addEventListener("input", showConcepts);
for (const range of ranges) {
  range.ids.forEach((id, end) => byId(id).addEventListener("input", (event) => {
    range[end ? "most" : "least"] = Math.round(event.target.value * 1000);
    byId(`${id}-out`).textContent = Number(event.target.value).toFixed(2);
    applySoon();
  }));
}
byId("scores").hidden = !data.scored;
byId("no-scores").hidden = data.scored;
byId("reset").addEventListener("click", reset);
byId("help-button").addEventListener("click", keys["?"]);
byId("filters-button").addEventListener("click", () => openFilters(!byId("filters").classList.contains("open")));
let due = false;
const layoutSoon = () => {
  if (due) return;
  due = true;
  requestAnimationFrame(() => { due = false; layout(); });
};
window.addEventListener("scroll", () => { hideTip(); layoutSoon(); }, { passive: true });
window.addEventListener("resize", layoutSoon);
if (data.compared) showComparisons();
apply();
performance.mark("shown");
