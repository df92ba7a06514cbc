"use strict";
// The page's data are texts of strangers: they reach the document as text nodes and checked ids
// only, never as markup.
// The scripts of this page are one script, in the order of their numbers.

const data = JSON.parse(document.getElementById("data").textContent);
const { records, concepts, groups } = data;
const SAME = 0, STANDINGS = ["same in both", "other boundary", "other concept", "only here"];
const WIDTH = 6, START = 0, END = 1, CONCEPT = 2, SIMILARITY = 3, STANDING = 4, SCORE = 5; // of a span
const CAPTION = 0, IMAGE = 2, LABEL = 3, PMC = 4, LICENCE = 5; // of a record
const SPANS = data.compared ? [1, 6] : [1];
const GAP = 12, MARGIN = 700, SHOWN_CONCEPTS = 100;
const byId = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en").format;

// The sliders: where in a span their number is, and the least and most that are wanted.
const ranges = [
  { least: 0, most: 1000, of: SIMILARITY, ids: ["least", "most"] },
  { least: 0, most: 1000, of: SCORE, ids: ["score-least", "score-most"] },
];
const wanted = { text: "", standing: "all", groups: new Set(), concepts: new Set() };
const counts = {
  groups: new Int32Array(groups.length),
  concepts: new Int32Array(concepts.length),
  seen: new Int32Array(concepts.length).fill(-1),
};
let lowered = null;
let shown = new Int32Array(0);
let heights = new Float32Array(0);
let offsets = new Float64Array(1); // where each shown record begins; last, where all end
let active = -1; // the record that keys move from
const rendered = new Map(); // place among the shown → its element
const spanOf = new WeakMap(); // element of a mention → its span

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}
