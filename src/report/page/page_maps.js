/* page_maps.js: heat maps over the steps: the updates of each layer, and the histograms of each tensor. Columns are observed steps, at their place on the time line. */
"use strict";
tenet.maps = (() => {
  const { run } = tenet, { make, figure, count, percent } = tenet;
  const lastStep = Math.max(run.step, 1);
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const LEVEL = new Map([...LETTERS].map((letter, i) => [letter, i]));

  /* The left edges of columns at `steps`, in pixels, and the right edge of the last. */
  const edges = (steps, width) => {
    const at = steps.map((step) => (step - 1) / lastStep * width), gap = at.length > 1 ? at[at.length - 1] - at[at.length - 2] : width;
    at.push(Math.min(width, at[at.length - 1] + Math.max(gap, 2)));
    return at;
  };
  const columnAt = (place, x) => {
    let found = 0;
    while (found + 2 < place.length && place[found + 1] <= x) found += 1;
    return found;
  };

  const stepAxis = (context, width, top, ends) => {
    context.fillStyle = tenet.colour("dim");
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "top";
    for (const tick of tenet.ticks(0, lastStep, Math.max(width / 90, 1))) {
      if (!Number.isInteger(tick)) continue;
      const x = tick / lastStep * width;
      context.fillRect(Math.min(x, width - 1), top, 1, 4);
      context.textAlign = x < 12 ? "left" : x > width - 26 ? "right" : "center";
      if (ends || tick > 0) context.fillText(count(tick), x, top + 5);
    }
  };

  const signalLines = (context, width, height) => {
    context.save();
    context.setLineDash([4, 3]);
    for (const signal of tenet.signals) {
      context.strokeStyle = tenet.signalColour(signal);
      context.beginPath();
      context.moveTo((signal.step - 0.5) / lastStep * width, 0);
      context.lineTo((signal.step - 0.5) / lastStep * width, height);
      context.stroke();
    }
    context.restore();
  };

  /* The strip of colours under a map. */
  const scale = (colour, low, high, words) => {
    const canvas = make("canvas"), line = make("div", "scale", low, canvas, high, words ? make("span", "", words) : null);
    canvas.setAttribute("aria-hidden", "true");
    const draw = () => tenet.canvas(canvas, 140, 10, (context, width, height) => {
      for (let x = 0; x < width; x += 1) {
        context.fillStyle = colour(x / (width - 1));
        context.fillRect(x, 0, 1, height);
      }
    });
    draw();
    tenet.redraws.push(draw);
    return line;
  };

  /* ---- updates: a row a parameter, blue where it hardly moves, orange where it moves too much ---- */

  const USUAL = -3, DECADES = 3; // log10 of update over weight
  /* In the order of the network; the engine shows gradients from its end. */
  run.tensors.sort((a, b) => a.node - b.node);
  const rowName = (tensor) => tensor.key.replace(/\.update$/, "");

  const updates = () => {
    const rows = run.tensors.filter((tensor) => tensor.role === "update" && tensor.ratio && tensor.ratio.some((ratio) => ratio != null));
    const section = document.getElementById("updates");
    if (!rows.length) {
      section.classList.add("hidden");
      return;
    }
    const height = rows.length > 60 ? 11 : rows.length > 25 ? 15 : 20, axis = 20;
    const names = make("div", "names"), canvas = make("canvas"), side = make("div", "chart", canvas), toldLine = make("p", "told"), card = make("div", "card");
    for (const row of rows) {
      const name = make("div", "", rowName(row));
      name.style.height = name.style.lineHeight = height + "px";
      if (height < 14) name.style.fontSize = "9px";
      name.title = rowName(row);
      names.append(name);
    }
    const lastOf = (row) => row.ratio[row.ratio.length - 1];
    const known = rows.filter((row) => lastOf(row) > 0), still = rows.filter((row) => lastOf(row) === 0).length, by = (order) => [...known].sort((a, b) => order * (lastOf(b) - lastOf(a)))[0];
    const largest = by(1), smallest = by(-1);
    const words = known.length
      ? "Size of an update relative to its weights; about 0.001 is usual. Last: largest " + figure(lastOf(largest)) + " (" + rowName(largest) + "), smallest " + figure(lastOf(smallest)) +
        " (" + rowName(smallest) + ")" + (still ? "; " + count(still) + " of " + count(rows.length) + " did not move" : "") + "."
      : "Size of an update relative to its weights: nothing moved at the last observed step.";
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Updates by layer and step. " + words);
    card.append(make("p", "said", words), make("div", "map", names, side), toldLine,
      scale((at) => tenet.diverging(2 * at - 1), "0.000001", "1", "relative to the weights, logarithmic; the middle is 0.001. Empty: no update, or weights of zero."),
      tenet.numbers("updates", ["parameter", "first", "median", "last"], rows.map((row) => {
        const sorted = row.ratio.filter((value) => value != null).sort((a, b) => a - b);
        return [rowName(row), figure(row.ratio[0]), sorted.length ? figure(sorted[Math.floor(sorted.length / 2)]) : "-", figure(lastOf(row))].map((text) => (text === "NaN" ? "-" : text));
      })));
    tenet.content("updates").append(card);
    let places = [];
    tenet.whenSeen(side, rows.length * height + axis, (width) => tenet.canvas(canvas, width, rows.length * height + axis, (context) => {
      places = rows.map((row) => edges(run.grids[row.grid], width));
      rows.forEach((row, y) => row.ratio.forEach((ratio, i) => {
        if (!(ratio > 0)) return;
        context.fillStyle = tenet.diverging((Math.log10(ratio) - USUAL) / DECADES);
        context.fillRect(places[y][i], y * height, Math.max(places[y][i + 1] - places[y][i], 1) + 0.5, height - 1);
      }));
      signalLines(context, width, rows.length * height);
      stepAxis(context, width, rows.length * height + 1, true);
    }));
    canvas.addEventListener("pointermove", (event) => {
      const y = Math.floor(event.offsetY / height), row = rows[y];
      if (!row || !places[y]) return;
      const i = columnAt(places[y], event.offsetX), ratio = row.ratio[i];
      toldLine.textContent = rowName(row) + ", step " + count(run.grids[row.grid][i]) + ": " + (ratio == null ? "unknown" : figure(ratio) + " of the weights");
    });
    tenet.pictures.push({ name: "updates", canvas: () => (canvas.style.width ? canvas : null) });
  };

  /* ---- histograms: magnitude by powers of two, up and down from zero ---- */

  const BUCKETS = 16;

  /* The share of a level, as webpage_data.c wrote it. */
  const share = (level) => (level === 0 ? 0 : Math.pow(2, (level - 1) * 16 / 62) / 65535);

  /* What mature networks have: bin k of their histogram holds magnitudes from 2^(k - UNIT) times their root mean square to twice that. Bins that hold less than SEEN are not drawn. */
  const UNIT = 11, SEEN = 0.01;
  const matureBins = (mature) => mature.histogram.map((part, k) => ({ low: Math.log2(mature.rms[1]) + k - UNIT, part })).filter((bin) => bin.part >= SEEN);

  /* The rows of one picture: [{exponent, sign}] from the top, cropped to what occurs, here and in mature networks. */
  const axisOf = (tensor) => {
    const tops = tensor.top, cells = tensor.cells, lowest = [Infinity, Infinity], highest = [-Infinity, -Infinity];
    tops.forEach((top, i) => {
      for (let at = 0; at < 2 * BUCKETS; at += 1) {
        const sign = at < BUCKETS ? 0 : 1, exponent = top - (at % BUCKETS);
        if (cells[i * 2 * BUCKETS + at] === "A") continue;
        lowest[sign] = Math.min(lowest[sign], exponent);
        highest[sign] = Math.max(highest[sign], exponent);
      }
    });
    for (const bin of tensor.mature ? matureBins(tensor.mature) : []) {
      for (const sign of [0, 1]) {
        lowest[sign] = Math.min(lowest[sign], Math.floor(bin.low));
        highest[sign] = Math.max(highest[sign], Math.floor(bin.low));
      }
    }
    const lines = [];
    for (let exponent = highest[0]; exponent >= lowest[0] && Number.isFinite(exponent); exponent -= 1) lines.push({ sign: 0, exponent });
    const zero = lines.length;
    for (let exponent = lowest[1]; exponent <= highest[1] && Number.isFinite(exponent); exponent += 1) lines.push({ sign: 1, exponent });
    return { lines, zero, highest, lowest };
  };

  const ROLES = [["weight", "Weights"], ["gradient", "Gradients"], ["activation", "Activations"], ["activation_gradient", "Gradients of activations"]];
  const LOWEST_SHARE = 1 / 65535;
  const densityColour = (value) => tenet.sequential(0.08 + 0.92 * (1 - Math.log(value) / Math.log(LOWEST_SHARE)));

  const histogram = (tensor, index) => {
    const steps = run.grids[tensor.grid], last = steps.length - 1, { lines, zero, highest, lowest } = axisOf(tensor), canvas = make("canvas"), place = make("div", "chart", canvas);
    const words = [tensor.op && tensor.op !== "" ? tensor.op : null, count(tensor.count) + " values", "rms " + figure(tensor.rms[0]) + (last > 0 ? " → " + figure(tensor.rms[last]) : "")];
    if (tensor.zeros[last] > 0.001) words.push("zeros " + percent(tensor.zeros[last]));
    if (tensor.nonfinite_step) words.push("not finite from step " + count(tensor.nonfinite_step));
    const { mature } = tensor;
    if (mature) words.push("mature networks (" + mature.kind + ") " + figure(mature.rms[0]) + " to " + figure(mature.rms[2]));
    const card = make("div", "card", make("h3", "", tensor.key), make("p", "said", words.filter(Boolean).join(", ")), place), toldLine = make("p", "told");
    card.append(toldLine);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Values of " + tensor.key + " over the steps: " + words.filter(Boolean).join(", ") + ".");
    const left = 46, strip = mature ? 48 : 0, bottom = 18, tall = Math.max(96, Math.min(lines.length * 4, 160));
    let edgesX = [];
    const draw = (width) => tenet.canvas(canvas, width, tall + bottom, (context) => {
      const inner = Math.max(width - left - strip, 10), line = tall / Math.max(lines.length, 1);
      const row = new Map(lines.map((one, y) => [one.sign * 1000 + one.exponent, y]));
      edgesX = edges(steps, inner).map((x) => x + left);
      steps.forEach((_, i) => {
        for (let at = 0; at < 2 * BUCKETS; at += 1) {
          const level = LEVEL.get(tensor.cells[i * 2 * BUCKETS + at]);
          if (!level) continue;
          const y = row.get((at < BUCKETS ? 0 : 1000) + tensor.top[i] - (at % BUCKETS));
          context.fillStyle = densityColour(share(level));
          context.fillRect(edgesX[i], y * line, Math.max(edgesX[i + 1] - edgesX[i], 1) + 0.5, line + 0.5);
        }
      });
      if (mature) {
        const x = left + inner + 10, half = (magnitude, sign) => (sign === 0 ? highest[0] + 1 - magnitude : zero + magnitude - lowest[1]) * line;
        for (const bin of matureBins(mature)) {
          for (const sign of [0, 1]) {
            context.fillStyle = densityColour(bin.part / 2);
            context.fillRect(x, Math.min(half(bin.low, sign), half(bin.low + 1, sign)), strip - 10, line + 0.5);
          }
        }
      }
      context.fillStyle = tenet.colour("dim");
      context.font = "11px system-ui, sans-serif";
      context.textAlign = "right";
      context.textBaseline = "middle";
      if (zero > 0) context.fillText(figure(Math.pow(2, highest[0] + 1), 2), left - 5, 6);
      if (zero < lines.length) context.fillText("−" + figure(Math.pow(2, highest[1] + 1), 2), left - 5, tall - 6);
      const middle = Math.min(Math.max(zero * line, 0), tall);
      if (middle > 18 && middle < tall - 18) context.fillText("0", left - 5, middle);
      else if (zero === lines.length) context.fillText("0", left - 5, tall - 5);
      else if (zero === 0) context.fillText("0", left - 5, 6);
      context.fillRect(left, middle, inner, 0.5);
      if (mature) context.fillText("mature", left + inner + strip, tall + 11);
      context.translate(left, 0);
      signalLines(context, inner, tall);
      stepAxis(context, inner, tall + 1, false);
    });
    canvas.addEventListener("pointermove", (event) => {
      const y = lines[Math.floor(event.offsetY / (tall / Math.max(lines.length, 1)))];
      if (!y || event.offsetX < left || !edgesX.length || event.offsetX > edgesX[edgesX.length - 1]) return;
      const i = columnAt(edgesX, event.offsetX), at = tensor.top[i] - y.exponent, level = at >= 0 && at < BUCKETS ? LEVEL.get(tensor.cells[(i * 2 + y.sign) * BUCKETS + at]) : 0;
      const range = [Math.pow(2, y.exponent), Math.pow(2, y.exponent + 1)].map((value) => figure(value, 2));
      toldLine.textContent = "step " + count(steps[i]) + ", " + (y.sign ? "−" + range[1] + " to −" + range[0] : range[0] + " to " + range[1]) + ": " + percent(share(level));
    });
    tenet.whenSeen(place, tall + bottom, draw);
    if (index === 0) tenet.pictures.push({ name: "histograms", canvas: () => (canvas.isConnected && canvas.style.width ? canvas : null) });
    return card;
  };

  const histograms = () => {
    const section = document.getElementById("histograms"), found = ROLES.filter(([role]) => run.tensors.some((tensor) => tensor.role === role && tensor.cells));
    if (!found.length) {
      section.classList.add("hidden");
      return;
    }
    const tabs = make("div", "tabs"), body = make("div"), content = tenet.content("histograms");
    tabs.setAttribute("role", "tablist");
    const select = (role) => {
      const tensors = run.tensors.filter((tensor) => tensor.role === role && tensor.cells);
      tenet.state.set("tab", role);
      for (const button of tabs.children) {
        button.setAttribute("aria-selected", String(button.dataset.role === role));
        button.tabIndex = button.dataset.role === role ? 0 : -1;
      }
      body.replaceChildren(
        make("div", "tiles", ...tensors.map(histogram)),
        tenet.numbers("histograms", ["tensor", "values", "rms first", "rms last", "mean last", "least", "most", "zeros last"], tensors.map((tensor) => {
          const last = tensor.rms.length - 1;
          return [tensor.key, count(tensor.count), figure(tensor.rms[0]), figure(tensor.rms[last]), figure(tensor.mean), figure(tensor.least), figure(tensor.most), percent(tensor.zeros[last])];
        })));
    };
    for (const [role, title] of found) {
      const button = make("button", "", title);
      button.type = "button";
      button.dataset.role = role;
      button.setAttribute("role", "tab");
      button.addEventListener("click", () => select(role));
      tabs.append(button);
    }
    tabs.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key], all = [...tabs.children];
      if (!move) return;
      const next = all[(all.indexOf(document.activeElement) + move + all.length) % all.length];
      select(next.dataset.role);
      next.focus();
    });
    content.append(tabs, body);
    content.append(scale((at) => densityColour(Math.pow(LOWEST_SHARE, 1 - at)), "0.002 %", "100 %",
      "share of the values, logarithmic. Up: positive, down: negative; a line for each power of two, smaller ones towards the 0. Zeros themselves are left out." +
      (run.tensors.some((tensor) => tensor.mature) ? " The strip at the right: how values of the same kind are spread in mature networks, at their usual size." : "")));
    if (run.left_out > 0) content.append(make("p", "note", count(run.left_out) + " more tensors are not shown, to keep this page small."));
    const wanted = tenet.state.get("tab", found[0][0]);
    select(found.some(([role]) => role === wanted) ? wanted : found[0][0]);
  };

  return () => {
    updates();
    histograms();
  };
})();
