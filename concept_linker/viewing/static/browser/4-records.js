// Renders one record, and the tooltip of a mention on hover and focus.

function render(place) {
  const index = shown[place], record = records[index];
  const article = make("article", data.images ? "record pictured" : "record");
  article.tabIndex = -1;
  article.dataset.place = String(place);
  article.setAttribute("aria-posinset", String(place + 1));
  article.setAttribute("aria-setsize", String(shown.length));
  article.setAttribute("aria-label", `Record ${index + 1}`);
  if (data.images) article.append(picture(index, record));
  const words = make("div", "words");
  words.append(about(index, record));
  if (data.compared) {
    const sides = make("div", "sides compared");
    SPANS.forEach((side, which) => {
      const column = make("div", "side");
      column.append(make("h3", "", data.sources[which]), caption(record, record[side], which));
      sides.append(column);
    });
    words.append(sides);
  } else {
    words.append(caption(record, record[1], 0), chips(record));
  }
  article.append(words);
  return article;
}

function about(index, record) {
  const line = make("p", "about");
  line.append(make("span", "", `#${number(index + 1)}`));
  if (record[LABEL]) line.append(make("span", "", record[LABEL]));
  if (/^[0-9]+$/.test(record[PMC])) {
    line.append(link(`https://pmc.ncbi.nlm.nih.gov/articles/PMC${record[PMC]}/`, "", `PMC${record[PMC]}`));
  }
  const licence = data.licences[record[LICENCE]];
  if (licence) line.append(make("span", "", licence));
  return line;
}

function link(address, name, text) {
  const element = make("a", name, text);
  element.href = address;
  element.target = "_blank";
  element.rel = "noopener noreferrer";
  return element;
}

function picture(index, record) {
  const button = make("button", "picture");
  button.type = "button";
  button.setAttribute("aria-label", `Enlarge the image of record ${index + 1}`);
  const missing = () => {
    button.replaceChildren("no image");
    button.disabled = true;
    button.setAttribute("aria-label", `Record ${index + 1} has no image`);
  };
  if (!record[IMAGE]) { missing(); return button; }
  const image = make("img");
  image.alt = `Image of record ${index + 1}`;
  image.decoding = "async";
  image.addEventListener("error", missing);
  image.src = record[IMAGE];
  button.append(image);
  button.addEventListener("click", () => {
    const large = byId("enlarged").querySelector("img");
    large.src = record[IMAGE];
    large.alt = image.alt;
    byId("enlarged").showModal();
  });
  return button;
}

const chosen = (spans, at) => fits(spans, at) && inGroups(spans, at)
  && (!selection.concepts.size || selection.concepts.has(spans[at + CONCEPT]));

function caption(record, spans, which) {
  const text = record[CAPTION], paragraph = make("p", "caption");
  let end = 0;
  for (let at = 0; at < spans.length; at += WIDTH) {
    if (spans[at + START] < end) continue; // records have no overlapping spans; ignore one if they do
    paragraph.append(text.slice(end, spans[at + START]));
    end = spans[at + END];
    const [cui, , group] = concepts[spans[at + CONCEPT]];
    const mention = link(data.page + encodeURIComponent(cui), `m g g-${groups[group][0]}`, text.slice(spans[at + START], end));
    mention.classList.add(`s${spans[at + COMPARISON]}`);
    mention.classList.toggle("pale", !chosen(spans, at));
    spanOf.set(mention, { spans, at, which });
    paragraph.append(mention);
  }
  paragraph.append(text.slice(end));
  return paragraph;
}

// Highlights the search text; as ranges, because a mention may begin within it.
function showHits() {
  if (!CSS.highlights) return; // an older browser
  const searchText = selection.text.trim().toLowerCase(), hits = [];
  for (const paragraph of searchText ? list.querySelectorAll(".caption") : []) {
    const text = paragraph.textContent.toLowerCase();
    if (text.length !== paragraph.textContent.length) continue; // lower-casing İ shifts all places
    for (let at = text.indexOf(searchText); at >= 0; at = text.indexOf(searchText, at + searchText.length)) {
      const range = new Range();
      range.setStart(...textAt(paragraph, at, false));
      range.setEnd(...textAt(paragraph, at + searchText.length, true));
      hits.push(range);
    }
  }
  CSS.highlights.set("hit", new Highlight(...hits));
}

function textAt(element, place, isEnd) { // the text node of a place, and the place in it
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  let begin = 0, node = walker.nextNode();
  while (begin + node.length < place || (!isEnd && begin + node.length === place)) {
    begin += node.length;
    node = walker.nextNode();
  }
  return [node, place - begin];
}

function chips(record) {
  const row = make("div", "chips"), known = new Set();
  for (let at = 0; at < record[1].length; at += WIDTH) {
    const concept = record[1][at + CONCEPT];
    if (known.has(concept)) continue;
    known.add(concept);
    const [cui, name, group] = concepts[concept];
    const chip = make("button", `chip g g-${groups[group][0]}`);
    chip.type = "button";
    chip.title = "Show the records with this concept";
    chip.setAttribute("aria-pressed", String(selection.concepts.has(concept)));
    if (name) chip.append(make("span", "name", name));
    chip.append(make("code", "", cui));
    chip.addEventListener("click", () => toggle(selection.concepts, concept));
    row.append(chip);
  }
  return row;
}


const tip = byId("tip");

function showTip(mention) {
  const { spans, at } = spanOf.get(mention);
  const [cui, name, group] = concepts[spans[at + CONCEPT]];
  tip.replaceChildren(
    make("b", "", name || cui),
    make("span", "", `${cui} · ${groups[group][1]}`),
    make("span", "", `similarity ${(spans[at + SIMILARITY] / 1000).toFixed(3)}`),
  );
  for (const [name, of] of [["probability", PROBABILITY], ["score", SCORE]]) {
    if (spans[at + of] >= 0) tip.append(make("span", "", `${name} ${(spans[at + of] / 1000).toFixed(3)}`));
  }
  if (data.compared) tip.append(make("span", "", COMPARISONS[spans[at + COMPARISON]]));
  tip.hidden = false;
  mention.setAttribute("aria-describedby", "tip");
  const box = mention.getClientRects()[0], own = tip.getBoundingClientRect();
  const below = box.bottom + 8 + own.height < window.innerHeight;
  tip.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - own.width - 8))}px`;
  tip.style.top = `${below ? box.bottom + 8 : box.top - own.height - 8}px`;
}

function hideTip() {
  tip.hidden = true;
}

for (const [shows, hides] of [["pointerover", "pointerout"], ["focusin", "focusout"]]) {
  list.addEventListener(shows, (event) => { if (spanOf.has(event.target)) showTip(event.target); });
  list.addEventListener(hides, hideTip);
}
