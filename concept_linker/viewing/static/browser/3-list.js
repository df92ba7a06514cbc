// The list: only records near the window are in the document.

const list = byId("records");
const listTop = () => list.getBoundingClientRect().top + window.scrollY - headerHeight();
const headerHeight = () => document.querySelector("header").offsetHeight + GAP;

function estimate(record, width) {
  const wide = width > 700;
  const room = Math.max(200, width - (data.images && wide ? 290 : 40)) / (data.compared && wide ? 2 : 1);
  const text = Math.ceil(record[CAPTION].length * 7.4 / room) * 26 * (data.compared && !wide ? 2 : 1);
  const picture = data.images ? 174 : 0;
  return 30 + GAP + (wide ? Math.max(picture, text + 60) : picture + text + 90);
}

function placeAt(y) { // the shown record at a height
  let low = 0, high = shown.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (offsets[middle] <= y) low = middle; else high = middle - 1;
  }
  return low;
}

function layout() {
  const from = window.scrollY - listTop(), to = from + window.innerHeight;
  const anchor = shown.length ? placeAt(Math.max(0, from)) : 0;
  const before = offsets[anchor];
  const first = shown.length ? placeAt(Math.max(0, from - MARGIN)) : 0;
  let last = first;
  while (last < shown.length && offsets[last] < to + MARGIN) last++;
  for (const [place, element] of rendered) {
    if (place < first || place >= last) { element.remove(); rendered.delete(place); }
  }
  for (let place = first; place < last; place++) {
    if (rendered.has(place)) continue;
    const element = render(place);
    rendered.set(place, element);
    // In reading order, for keyboards and screen readers.
    let next = place + 1;
    while (next < last && !rendered.has(next)) next++;
    list.insertBefore(element, rendered.get(next) ?? null);
  }
  let changed = false;
  for (const [place, element] of rendered) { // measure all, then move all: one layout
    const height = element.getBoundingClientRect().height + GAP;
    changed ||= Math.abs(height - heights[place]) > 0.5;
    heights[place] = height;
  }
  if (changed) addUp();
  list.style.height = `${offsets[shown.length]}px`;
  for (const [place, element] of rendered) element.style.transform = `translateY(${offsets[place]}px)`;
  showHits();
  // The record at the top of the window does not move.
  if (from > 0 && offsets[anchor] !== before) window.scrollBy(0, offsets[anchor] - before);
}

function addUp() {
  for (let place = 0; place < shown.length; place++) offsets[place + 1] = offsets[place] + heights[place];
}
