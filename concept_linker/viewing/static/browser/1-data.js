"use strict";
// The texts of the records are untrusted: they enter the document only as text nodes and checked
// ids, never as markup.
// The numbered scripts are joined into one script, in this order.

const data = JSON.parse(document.getElementById("data").textContent);
const { records, concepts, groups } = data;
const SAME = 0, COMPARISONS = ["same in both", "other boundary", "other concept", "only here"];
// The numbers of a span, and how many it has.
const START = 0, END = 1, CONCEPT = 2, SIMILARITY = 3, COMPARISON = 4, PROBABILITY = 5, SCORE = 6;
const WIDTH = 7;
const CAPTION = 0, IMAGE = 2, LABEL = 3, PMC = 4, LICENCE = 5; // of a record
const SPANS = data.compared ? [1, 6] : [1];
const GAP = 12, MARGIN = 700, SHOWN_CONCEPTS = 100;
const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en").format;

// The sliders: which number of a span each filters by, and its limits in thousandths.
const ranges = [
  { least: 0, most: 1000, of: SIMILARITY, ids: ["least", "most"] },
  { least: 0, most: 1000, of: SCORE, ids: ["score-least", "score-most"] },
];
const selection = { text: "", comparison: "all", groups: new Set(), concepts: new Set() };
const counts = {
  groups: new Int32Array(groups.length),
  concepts: new Int32Array(concepts.length),
  lastRecord: new Int32Array(concepts.length).fill(-1), // the last record counted for each concept
};
let lowered = null;
let shown = new Int32Array(0);
let heights = new Float32Array(0);
let offsets = new Float64Array(1); // where each shown record begins; last, where the list ends
let active = -1; // the record from which the keys move
const rendered = new Map(); // place among the shown records → element
const spanOf = new WeakMap(); // element of a mention → span

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
