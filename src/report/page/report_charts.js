/* report_charts.js: the kinds of pictures of a report, each in a frame that says in words what it shows and has its numbers as a table: lines, rows of points, scatter, bars, and grids of scores.
 *
 * Lines and points are SVG, drawn anew at each width so that text keeps its size; bars and grids are text and boxes. Colours are names of page.css, so light and dark need no redrawing. */
"use strict";
tenet.report = JSON.parse(document.getElementById("report").textContent);
tenet.causes = JSON.parse(document.getElementById("causes").textContent);

tenet.charts = (() => {
  const { make, figure, count } = tenet;
  const SPACE = "http://www.w3.org/2000/svg";

  /* What is a number, from documents of which any key may be something else. */
  const number = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
  const list = (value) => (Array.isArray(value) ? value : []);
  const object = (value) => (value && typeof value === "object" && !Array.isArray(value) ? value : {});
  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
  const mean = (values) => (values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null);

  const score = (value) => (value == null ? "-" : (Math.abs(value) < 0.005 ? 0 : value).toFixed(2));

  const shape = (tag, attributes, text) => {
    const element = document.createElementNS(SPACE, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, typeof value === "number" ? String(Math.round(value * 100) / 100) : value);
    if (text != null) element.textContent = text;
    return element;
  };
  const ink = (name) => "var(--" + name + ")";

  /* A picture in its frame. draw(svg, width) fills an SVG of `height`; `said` and the table tell the same. */
  const picture = ({ name, title, said, height, draw, heads, rows, legend, note }) => {
    const place = make("div", "chart"), frame = make("div", "picture", title ? make("h4", "", title) : null, said ? make("p", "said", said) : null, place);
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", [title, said].filter(Boolean).join(". "));
    let svg = null;
    tenet.whenSeen(place, height, (width) => {
      svg = shape("svg", { width, height, viewBox: "0 0 " + width + " " + height, "aria-hidden": "true" });
      draw(svg, width);
      place.replaceChildren(svg);
    });
    tenet.pictures.push({ name, canvas: () => svg });
    if (legend) frame.append(make("ul", "legend", ...legend.map((entry) => {
      const line = make("i", entry.dash ? "dashed" : "");
      line.style.color = entry.colour;
      return make("li", "", line, entry.label);
    })));
    if (note) frame.append(make("p", "note", note));
    if (heads) frame.append(tenet.numbers(name, heads, rows));
    return frame;
  };

  /* ---- scales ---- */

  /* Whether values are better shown by their logarithm: all positive, over more than a factor of 50. */
  const spansDecades = (values) => values.length > 0 && Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 50;

  const powers = (low, high) => {
    const ticks = [], every = Math.max(1, Math.ceil((Math.log10(high) - Math.log10(low)) / 6));
    for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power += 1) if (power % every === 0) ticks.push(Math.pow(10, power));
    return ticks.length > 1 ? ticks : [low, Math.sqrt(low * high), high];
  };

  /* {at, ticks}: where a value stands between `from` and `to` pixels. */
  const scale = (low, high, from, to, logarithmic, most) => {
    if (logarithmic) {
      const a = Math.log(low), b = Math.log(high) > a ? Math.log(high) : a + 1;
      return { at: (value) => from + (Math.log(Math.max(value, low * 1e-9)) - a) / (b - a) * (to - from), ticks: powers(low, Math.exp(b)), step: 0 };
    }
    const top = high > low ? high : low + (Math.abs(low) || 1);
    const ticks = tenet.ticks(low, top, most);
    return { at: (value) => from + (value - low) / (top - low) * (to - from), ticks, step: ticks.length > 1 ? ticks[1] - ticks[0] : 0 };
  };

  /* A tick: as many digits as its distance to the next one needs. */
  const short = (value, step) => {
    const size = Math.abs(value), digits = step > 0 && size > 0 ? Math.min(Math.max(Math.floor(Math.log10(size)) - Math.floor(Math.log10(step)) + 1, 1), 8) : 2;
    if (size >= 1e4 && size < 1e6) return figure(value / 1e3, Math.max(digits, 2)) + "k";
    return figure(value, Math.max(digits, 2)).replace(".0e", "e");
  };

  const axisX = (svg, x, from, to, y, words) => {
    svg.append(shape("line", { class: "axis", x1: from, x2: to, y1: y, y2: y }));
    let last = -1e9;
    for (const tick of x.ticks) {
      const at = x.at(tick), text = words ? words(tick) : short(tick, x.step), half = text.length * 3.2;
      svg.append(shape("line", { class: "axis", x1: at, x2: at, y1: y, y2: y + 4 }));
      const place = Math.min(Math.max(at, from + half - 16), to - half + 18);
      if (place - half < last + 6) continue;
      svg.append(shape("text", { x: place, y: y + 16, "text-anchor": "middle" }, text));
      last = place + half;
    }
  };

  const axisY = (svg, y, left, right) => {
    for (const tick of y.ticks) {
      svg.append(shape("line", { class: "grid-line", x1: left, x2: right, y1: y.at(tick), y2: y.at(tick) }));
      svg.append(shape("text", { x: left - 6, y: y.at(tick) + 4, "text-anchor": "end" }, short(tick, y.step)));
    }
  };

  const cross = (svg, x, y, colour) => svg.append(shape("path", { d: "M" + (x - 4) + " " + (y - 4) + "l8 8m0 -8l-8 8", stroke: colour, "stroke-width": 2, fill: "none" }));

  /* ---- lines: losses of several trials over their steps ---- */

  const curveOf = (trial) => {
    const curve = object(trial.curve), steps = list(curve.step), losses = list(curve.loss), first = number(trial.first_loss);
    const points = steps.map((step, i) => ({ step: number(step), loss: number(losses[i]) })).filter((point) => point.step != null);
    /* The others are means of some steps. */
    if (points.length && points[0].step > 1 && first != null) points.unshift({ step: 1, loss: first });
    return points;
  };

  /* groups: [{label, colour, dash, trials}]; null where no trial has a curve. */
  const ROOF = 1000;

  const lines = (name, title, said, groups, height = 190) => {
    const drawn = groups.map((group) => ({ ...group, curves: group.trials.map(curveOf).filter((curve) => curve.some((point) => point.loss != null)) })).filter((group) => group.curves.length);
    const points = drawn.flatMap((group) => group.curves.flat()), losses = points.map((point) => point.loss).filter((loss) => loss != null);
    if (!losses.length) return null;
    const logarithmic = spansDecades(losses.filter((loss) => loss !== 0)) && Math.min(...losses) >= 0, positive = losses.filter((loss) => loss > 0);
    /* What explodes leaves the picture at its top: where it began and how far the others come is what is to be seen. */
    const begun = drawn.flatMap((group) => group.curves.map((curve) => curve.find((point) => point.loss != null).loss)), roof = logarithmic ? ROOF * median(begun) : Infinity;
    const high = Math.min(Math.max(...losses), Math.max(roof, 2 * Math.min(...positive))), low = logarithmic ? Math.max(Math.min(...positive), high * 1e-9) : Math.min(...losses), last = Math.max(...points.map((point) => point.step));
    const draw = (svg, width) => {
      const left = 46, right = width - 20, bottom = height - 24;
      const x = scale(0, last, left, right, false, Math.max(2, width / 110)), y = scale(low, high, bottom, 10, logarithmic, 6);
      axisY(svg, y, left, right);
      axisX(svg, x, left, right, bottom, (tick) => count(tick));
      for (const group of drawn) {
        for (const curve of group.curves) {
          let path = "", pen = false, end = null;
          for (const point of curve) {
            if (point.loss == null) { pen = false; continue; }
            path += (pen ? "L" : "M") + x.at(point.step).toFixed(1) + " " + y.at(Math.min(Math.max(point.loss, low), high)).toFixed(1);
            pen = true;
            end = point;
          }
          svg.append(shape("path", { d: path, fill: "none", stroke: group.colour, "stroke-width": group.strong ? 2.4 : 1.5, "stroke-linejoin": "round", ...(group.dash ? { "stroke-dasharray": "5 3" } : {}) }));
          if (curve.length < 3 && end) svg.append(shape("circle", { cx: x.at(end.step), cy: y.at(end.loss), r: 3, fill: group.colour }));
          if (curve[curve.length - 1].loss == null) cross(svg, x.at(curve[curve.length - 1].step), 12, ink("bad"));
        }
      }
    };
    const rows = drawn.flatMap((group) => group.curves.map((curve, i) => {
      const known = curve.filter((point) => point.loss != null), end = curve[curve.length - 1];
      return [group.label + (group.curves.length > 1 ? ", " + (i + 1) : ""), figure(known[0].loss, 4), figure(Math.min(...known.map((point) => point.loss)), 4), end.loss == null ? "NaN" : figure(end.loss, 4), count(end.step)];
    }));
    return picture({ name, title, said: said + (logarithmic ? " Loss is logarithmic" + (Math.max(...losses) > high ? "; what grows beyond " + figure(high, 2) + " leaves it at the top." : ".") : ""), height, draw, legend: drawn, heads: ["trial", "first loss", "lowest", "last", "steps"], rows });
  };

  /* ---- rows of points on one axis ---- */

  /* rows: [{label, values, colour}]; pairs: values at the same place belong together. marks: [{value, label}]. */
  const dots = (name, title, said, rows, { pairs = false, low = null, high = null, marks = [], words = null, unit = "value" } = {}) => {
    const known = rows.flatMap((row) => row.values).concat(marks.map((mark) => mark.value)).filter((value) => value != null);
    if (!known.length) return null;
    const logarithmic = low == null && spansDecades(known), gap = 34, height = 18 + rows.length * gap + 24;
    const span = Math.max(...known) - Math.min(...known) || Math.abs(known[0]) || 1;
    const from = low != null ? Math.min(low, ...known) : logarithmic ? Math.min(...known) / 1.5 : Math.min(...known) - 0.08 * span, to = high != null ? Math.max(high, ...known) : logarithmic ? Math.max(...known) * 1.5 : Math.max(...known) + 0.08 * span;
    const draw = (svg, width) => {
      const left = Math.min(Math.max(...rows.map((row) => row.label.length)) * 6.2 + 14, width * 0.45), right = width - 16, bottom = height - 24;
      const x = scale(from, to, left, right, logarithmic, Math.max(2, (right - left) / 90)), y = (i) => 26 + i * gap;
      axisX(svg, x, left, right, bottom);
      marks.forEach((mark) => {
        svg.append(shape("line", { x1: x.at(mark.value), x2: x.at(mark.value), y1: 12, y2: bottom, stroke: ink("dim"), "stroke-dasharray": "4 3" }));
        svg.append(shape("text", { x: Math.min(Math.max(x.at(mark.value), left + 20), right - 20), y: 9, "text-anchor": "middle" }, mark.label));
      });
      if (pairs && rows.length === 2) rows[0].values.forEach((value, i) => {
        if (value != null && rows[1].values[i] != null) svg.append(shape("line", { class: "grid-line", x1: x.at(value), x2: x.at(rows[1].values[i]), y1: y(0), y2: y(1) }));
      });
      rows.forEach((row, i) => {
        svg.append(shape("line", { class: "grid-line", x1: left, x2: right, y1: y(i), y2: y(i) }));
        svg.append(shape("text", { class: "strong", x: left - 10, y: y(i) + 4, "text-anchor": "end" }, row.label.length * 6.2 + 10 > left ? row.label.slice(0, Math.floor(left / 6.4) - 2) + "…" : row.label));
        const values = row.values.filter((value) => value != null);
        const placed = [];
        for (const value of values) {
          /* Equal ones stand above and below each other. */
          const near = placed.filter((other) => Math.abs(other - x.at(value)) < 6).length, offset = near % 5 === 0 ? 0 : Math.ceil((near % 5) / 2) * (near % 2 ? -5 : 5);
          placed.push(x.at(value));
          svg.append(shape("circle", { cx: x.at(value), cy: y(i) + offset, r: 5, fill: row.colour, "fill-opacity": values.length > 1 ? 0.65 : 1, stroke: row.colour }));
        }
        if (values.length > 1) svg.append(shape("line", { x1: x.at(mean(values)), x2: x.at(mean(values)), y1: y(i) - 11, y2: y(i) + 11, stroke: ink("ink"), "stroke-width": 2 }));
      });
    };
    const most = Math.max(...rows.map((row) => row.values.length));
    return picture({
      name, title, said, height, draw, heads: ["", ...(most > 1 ? ["mean", ...Array.from({ length: most }, (_, i) => "seed " + (i + 1))] : [unit])],
      rows: rows.map((row) => [row.label, ...(most > 1 ? [mean(row.values.filter((value) => value != null))] : []), ...row.values].map((cell) => (typeof cell === "string" ? cell : cell == null ? "-" : (words || figure)(cell)))),
    });
  };

  /* ---- points: y against x ---- */

  const scatter = (name, title, said, points, { marks = [], zones = [], heads, rows, yWords = "score", lowY = null, highY = null, xLow = null, xHigh = null, join = false } = {}) => {
    const known = points.filter((point) => point.x != null);
    const xs = known.map((point) => point.x).concat(marks.map((mark) => mark.value)), ys = known.map((point) => point.y).filter((value) => value != null);
    if (!known.length) return null;
    const logX = spansDecades(xs), logY = lowY == null && spansDecades(ys), height = 230;
    const spread = Math.max(...xs) - Math.min(...xs) || Math.abs(xs[0]) || 1;
    const fromX = xLow != null ? xLow : logX ? Math.min(...xs) / 1.6 : Math.min(...xs) - 0.05 * spread, toX = xHigh != null ? xHigh : logX ? Math.max(...xs) * 1.6 : Math.max(...xs) + 0.05 * spread;
    const fromY = lowY != null ? Math.min(lowY, ...ys) : ys.length ? (logY ? Math.min(...ys) / 1.3 : Math.min(...ys) - 0.05 * (Math.max(...ys) - Math.min(...ys) || 1)) : 0;
    const toY = highY != null ? Math.max(highY, ...ys) : ys.length ? (logY ? Math.max(...ys) * 1.3 : Math.max(...ys) + 0.05 * (Math.max(...ys) - Math.min(...ys) || 1)) : 1;
    const draw = (svg, width) => {
      const left = 46, right = width - 20, top = 34, bottom = height - 24;
      const x = scale(fromX, toX, left, right, logX, Math.max(2, width / 110)), y = scale(fromY, toY, bottom, top, logY, 6);
      const inside = (at) => Math.min(Math.max(at, left), right);
      for (const zone of zones) {
        const a = inside(zone.from == null ? left : x.at(zone.from)), b = inside(zone.to == null ? right : x.at(zone.to));
        if (b - a < 1) continue;
        svg.append(shape("rect", { x: a, y: top, width: b - a, height: bottom - top, fill: zone.colour }));
        const words = [zone.label, zone.short].find((label) => label && b - a > label.length * 5.6);
        if (words) svg.append(shape("text", { x: (a + b) / 2, y: top - 6, "text-anchor": "middle" }, words));
      }
      axisY(svg, y, left, right);
      axisX(svg, x, left, right, bottom);
      svg.append(shape("text", { x: left - 40, y: 10 }, yWords));
      if (join) {
        const path = known.filter((point) => point.y != null && !point.broke).sort((a, b) => a.x - b.x).map((point, i) => (i ? "L" : "M") + x.at(point.x).toFixed(1) + " " + y.at(point.y).toFixed(1)).join("");
        if (path) svg.append(shape("path", { d: path, fill: "none", stroke: ink("line-1"), "stroke-width": 1.6 }));
      }
      for (const mark of marks) {
        const at = x.at(mark.value), words = mark.label, half = words.length * 3;
        svg.append(shape("line", { x1: at, x2: at, y1: 16, y2: bottom, stroke: ink("ink"), "stroke-dasharray": "4 3" }));
        svg.append(shape("text", { class: "strong", x: Math.min(Math.max(at, left + half), right - half), y: 12, "text-anchor": "middle" }, words));
      }
      for (const point of known) {
        if (point.broke) cross(svg, x.at(point.x), point.y == null ? top + 8 : Math.max(y.at(point.y), top + 8), ink("bad"));
        else if (point.y != null) svg.append(shape("circle", { cx: x.at(point.x), cy: y.at(point.y), r: point.strong ? 6 : 4.5, fill: point.colour || ink("line-1"), ...(point.strong ? { stroke: ink("ink"), "stroke-width": 2 } : {}) }));
      }
    };
    return picture({ name, title, said, height, draw, heads, rows });
  };

  /* ---- bars: [{label, value (0..1), words, className, title}]; tick: a mark on each rail ---- */

  const bars = (rows, tick = null) => {
    const frame = make("div", "bars");
    for (const row of rows) {
      const rail = make("div", "rail"), share = Math.min(Math.max(row.value || 0, 0), 1);
      const fill = make("div", "fill " + (row.className || ""));
      fill.style.width = 100 * share + "%";
      rail.append(fill);
      if (tick != null) {
        const mark = make("div", "tick");
        mark.style.left = 100 * Math.min(Math.max(tick, 0), 1) + "%";
        rail.append(mark);
      }
      rail.setAttribute("aria-hidden", "true");
      frame.append(make("div", "name", row.label), rail, make("div", "value " + (row.className || ""), row.words));
    }
    return frame;
  };

  /* ---- a grid of scores: cells [row][column] of {words, share (0..1 or null), broken, best, given, frontier, passed, failed} ---- */

  const grid = (corner, columns, rowNames, cells) => {
    const table = make("table"), head = make("tr", "", make("th", "", corner), ...columns.map((name) => make("th", "", name)));
    table.append(head);
    const painted = [];
    cells.forEach((row, r) => {
      const line = make("tr", "", make("th", "", rowNames[r]));
      for (const cell of row) {
        const box = make("td", ["broken", "best", "given", "frontier", "passed", "failed"].filter((name) => cell[name]).join(" "), cell.words);
        if (cell.share != null && !cell.broken) painted.push([box, cell.share]);
        line.append(box);
      }
      table.append(line);
    });
    const paint = () => painted.forEach(([box, share]) => {
      box.style.background = tenet.sequential(0.08 + 0.92 * share);
      box.style.color = (share > 0.5) === tenet.dark() ? "#14171b" : "#ffffff";
      if (share < 0.3 && !tenet.dark()) box.style.color = "#1b1f24";
      if (share < 0.3 && tenet.dark()) box.style.color = "#e7eaee";
    });
    paint();
    tenet.redraws.push(paint);
    return make("div", "scores", table);
  };

  /* A table of words and numbers: heads [{words, number}], rows of strings or elements. */
  const table = (heads, rows) => {
    const body = make("table");
    body.append(make("tr", "", ...heads.map((head) => make("th", head.number ? "number" : "", head.words))));
    for (const row of rows) body.append(make("tr", "", ...row.map((cell, i) => make("td", heads[i].number ? "number" : heads[i].wide ? "prose" : "", cell))));
    return make("div", "list", body);
  };

  const badge = (verdict) => make("span", "badge " + ({ pass: "good", fail: "bad", healthy: "good", faulty: "bad" }[verdict] || "doubt"), verdict);

  return { number, list, object, mean, score, ink, lines, dots, scatter, bars, grid, table, badge };
})();
