/* page_base.js: what the parts of the page share: the run's data, its state across reloads, words, colours, and elements made from text.
 *
 * Names of layers and programs are anybody's text: they enter the page by textContent alone. The self-check (tenet.drawn) writes into the document what has been drawn,
 * so that a test, and a reader who sees nothing, can tell. */
"use strict";
const tenet = {
  run: JSON.parse(document.getElementById("run").textContent),
  errors: 0,
  pictures: [], // {name, canvas}: what should have ink, a canvas or an SVG
  redraws: [],  // called when the colours change
};

window.addEventListener("error", () => { tenet.errors += 1; });

/* ---- the state that a reload keeps ---- */

tenet.state = (() => {
  const key = "tenet " + location.pathname;
  let kept = {};
  try { kept = JSON.parse(sessionStorage.getItem(key)) || {}; } catch (problem) { kept = {}; }
  return {
    get: (name, otherwise) => (name in kept ? kept[name] : otherwise),
    set(name, value) {
      kept[name] = value;
      try { sessionStorage.setItem(key, JSON.stringify(kept)); } catch (problem) { /* a browser without storage forgets */ }
    },
  };
})();

/* ---- words ---- */

tenet.count = (value) => (value == null ? "-" : Math.round(value).toLocaleString("en-US"));

/* About three digits. */
tenet.figure = (value, digits = 3) => {
  if (value == null || Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "Inf" : "-Inf";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(Math.max(digits - 2, 1)).replace("e+", "e");
  return String(Number(value.toPrecision(digits + (size >= 1000 ? 1 : 0))));
};

tenet.percent = (share) => (share == null ? "-" : (100 * share).toFixed(share > 0 && share < 0.01 ? 2 : 0) + " %");

tenet.duration = (seconds) => {
  if (seconds == null) return "-";
  if (seconds < 60) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
  const whole = Math.round(seconds), hours = Math.floor(whole / 3600), minutes = Math.floor((whole % 3600) / 60);
  return hours ? hours + " h " + minutes + " min" : minutes + " min " + (whole % 60) + " s";
};

/* ---- elements ---- */

/* make("p", "note", "text", child, ...): strings become text. */
tenet.make = (tag, className, ...content) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const part of content) if (part != null) element.append(part);
  return element;
};

tenet.content = (section) => document.querySelector("#" + section + " .content");

/* The numbers of a picture as a table that can be opened: its text alternative. At most 24 rows. */
tenet.numbers = (name, heads, rows) => {
  const most = 24, shown = rows.length <= most ? rows : Array.from({ length: most }, (_, i) => rows[Math.round(i * (rows.length - 1) / (most - 1))]);
  const details = tenet.make("details", "", tenet.make("summary", "", "as numbers")), table = tenet.make("table");
  table.append(tenet.make("tr", "", ...heads.map((head) => tenet.make("th", "", head))));
  for (const row of shown) table.append(tenet.make("tr", "", ...row.map((cell) => tenet.make("td", "", cell))));
  details.append(tenet.make("div", "numbers", table));
  details.open = tenet.state.get("open " + name, false);
  details.addEventListener("toggle", () => tenet.state.set("open " + name, details.open));
  return details;
};

/* ---- what the rules saw ---- */

/* In the order of their steps, each with the number that marks it on the time lines. */
tenet.numbered = (signals) => [...signals].sort((a, b) => a.step - b.step).map((signal, i) => ({ ...signal, mark: String(i + 1) }));

/* As a list into the section of the signals; `none`: the words where there are none. */
tenet.listSignals = (signals, none) => {
  const { make, count } = tenet, content = tenet.content("signals");
  if (!signals.length) {
    content.append(make("p", "note", none));
    return;
  }
  content.append(make("ol", "signals", ...signals.map((signal) => make("li", "",
    make("span", "mark " + signal.severity, signal.mark),
    make("span", "step", "step " + count(signal.step)),
    make("span", "what", signal.text + (signal.severity === "past" ? " (no longer) " : " "), make("code", "", signal.rule + (signal.tensor ? " · " + signal.tensor : "")))))));
};

/* ---- colours ---- */

tenet.dark = () => matchMedia("(prefers-color-scheme: dark)").matches;
/* Of a signal's mark: an error, a warning, or one that its rule has taken back. */
tenet.signalColour = (signal) => tenet.colour({ warning: "doubt", past: "dim" }[signal.severity] || "bad");
tenet.colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

const mix = (stops, at) => {
  const place = Math.min(Math.max(at, 0), 1) * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2), part = place - low;
  const channel = (i) => Math.round(stops[low][i] + part * (stops[low + 1][i] - stops[low][i]));
  return "rgb(" + channel(0) + "," + channel(1) + "," + channel(2) + ")";
};

/* Cividis (Nunez, Anderton, Renslow 2018), which the colour-blind read as others do. Little is near the paper's colour: reversed on a light one. */
const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];
tenet.sequential = (at) => mix(CIVIDIS, tenet.dark() ? at : 1 - at);

/* Blue below, orange above, the paper's grey between: at in [-1, 1]. */
const DIVERGING = {
  light: [[5, 48, 97], [33, 113, 181], [146, 197, 222], [238, 240, 242], [253, 184, 99], [224, 110, 8], [127, 59, 8]],
  dark: [[158, 202, 255], [86, 160, 233], [44, 92, 140], [46, 52, 60], [140, 80, 20], [230, 140, 40], [255, 205, 140]],
};
tenet.diverging = (at) => mix(tenet.dark() ? DIVERGING.dark : DIVERGING.light, (at + 1) / 2);

/* ---- canvases ---- */

/* A canvas of width x height CSS pixels, sharp on this screen; draw(context, width, height). */
tenet.canvas = (canvas, width, height, draw) => {
  const ratio = Math.min(window.devicePixelRatio || 1, 2, 16000 / Math.max(height, 1));
  canvas.width = Math.max(Math.round(width * ratio), 1);
  canvas.height = Math.max(Math.round(height * ratio), 1);
  canvas.style.width = width + "px";
  canvas.style.height = height + "px";
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  draw(context, width, height);
};

/* Draws `draw(width)` when the element first comes near the screen, and again at other widths. Its height is kept free from the start, so that nothing moves then. */
tenet.whenSeen = (element, height, draw) => {
  let width = 0, near = false;
  element.style.minHeight = height + "px";
  const now = (forced) => {
    const found = Math.floor(element.clientWidth);
    if (!near || found === 0 || (found === width && !forced)) return;
    width = found;
    draw(width);
  };
  /* Not within the observer, which complains of what changes sizes again. */
  new ResizeObserver(() => requestAnimationFrame(() => now(false))).observe(element);
  new IntersectionObserver((entries, observer) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    near = true;
    now(true);
  }, { rootMargin: "600px" }).observe(element);
  tenet.redraws.push(() => now(true));
};

/* Steps that are round, at most about `most` of them, from low to high. */
tenet.ticks = (low, high, most) => {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / Math.max(most, 1), power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw) || raw, ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) ticks.push(at);
  return ticks;
};

/* ---- the self-check ---- */

/* Of an SVG: that something of some size was drawn. */
const hasInk = (canvas) => {
  if (canvas instanceof SVGElement) return canvas.querySelectorAll("path, circle, line, rect").length > 2 && canvas.getBBox().width > 20;
  if (!canvas.width || !canvas.height) return false;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const first = data[0] + "," + data[1] + "," + data[2] + "," + data[3];
  let others = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i] + "," + data[i + 1] + "," + data[i + 2] + "," + data[i + 3] !== first) others += 1;
  return others > 20;
};

/* Writes what has ink, what is blank though it was drawn, errors and requests into <body>. */
tenet.checkDrawn = () => {
  const drawn = tenet.pictures.filter((picture) => picture.canvas()), ink = new Set(), blank = new Set();
  for (const picture of drawn) (hasInk(picture.canvas()) ? ink : blank).add(picture.name);
  document.body.dataset.drawn = [...ink].join(" ");
  document.body.dataset.blank = [...blank].join(" ");
  document.body.dataset.errors = String(tenet.errors);
  document.body.dataset.requests = String(performance.getEntriesByType("resource").length);
};
