/* page_curves.js: loss, scores, gradient norm and learning rate over the steps, drawn with uPlot, with the signals of the rules marked on the time line. */
"use strict";
tenet.curves = (() => {
  const { run } = tenet, { make, figure, count } = tenet;
  const series = run.series;
  const lastStep = Math.max(run.step, 1);

  /* [x, y...] with one x for several series of their own steps. */
  const joined = (parts) => uPlot.join(parts.map((part) => [part.step, ...part.values]));

  /* Where the rules fired: a dashed line and the signal's number. */
  const marks = () => ({
    hooks: {
      draw: (chart) => {
        const { ctx: context, bbox } = chart, ratio = devicePixelRatio || 1;
        let lastX = -1e9, level = 0;
        context.save();
        context.font = "bold " + 10 * ratio + "px system-ui, sans-serif";
        context.textAlign = "center";
        context.textBaseline = "middle";
        for (const signal of tenet.signals) {
          const x = Math.round(chart.valToPos(signal.step, "x", true));
          if (x < bbox.left - 1 || x > bbox.left + bbox.width + 1) continue;
          const colour = tenet.signalColour(signal);
          context.strokeStyle = colour;
          context.lineWidth = ratio;
          context.setLineDash([4 * ratio, 3 * ratio]);
          context.beginPath();
          context.moveTo(x, bbox.top);
          context.lineTo(x, bbox.top + bbox.height);
          context.stroke();
          level = x - lastX < 16 * ratio ? level + 1 : 0;
          lastX = x;
          const y = bbox.top + (8 + 15 * (level % 6)) * ratio, half = (signal.mark.length > 1 ? 9 : 7) * ratio;
          context.fillStyle = colour;
          context.fillRect(x - half, y - 7 * ratio, 2 * half, 14 * ratio);
          context.fillStyle = tenet.colour("paper");
          context.fillText(signal.mark, x, y);
        }
        context.restore();
      },
    },
  });

  /* Crosses at the top where a value was NaN or infinite. */
  const nonfinite = (parts) => ({
    hooks: {
      draw: (chart) => {
        const { ctx: context, bbox } = chart, ratio = devicePixelRatio || 1, size = 4 * ratio, y = bbox.top + bbox.height - 8 * ratio;
        context.save();
        context.strokeStyle = tenet.colour("bad");
        context.lineWidth = 2 * ratio;
        for (const part of parts) {
          for (const step of part.nonfinite || []) {
            const x = chart.valToPos(step, "x", true);
            context.beginPath();
            context.moveTo(x - size, y - size);
            context.lineTo(x + size, y + size);
            context.moveTo(x + size, y - size);
            context.lineTo(x - size, y + size);
            context.stroke();
          }
        }
        context.restore();
      },
    },
  });

  const axis = (more) => ({
    stroke: () => tenet.colour("dim"),
    grid: { stroke: () => tenet.colour("grid"), width: 1 },
    ticks: { stroke: () => tenet.colour("rule"), width: 1 },
    font: "12px system-ui, sans-serif",
    ...more,
  });

  const short = (value) => (value == null ? "" : Math.abs(value) >= 1e9 ? figure(value, 2).replace(".0e", "e") : Math.abs(value) >= 1e6 ? figure(value / 1e6) + "M" : Math.abs(value) >= 1e4 ? figure(value / 1e3) + "k" : figure(value));

  /* One chart in a card. lines: [{label, colour, dash, width, points, values}], band: [upper, lower] line indices. */
  const chart = (name, title, words, lines, data, options) => {
    const card = make("div", "card" + (options.wide ? " wide" : "")), place = make("div", "chart"), heading = make("h3", "", title);
    const height = options.wide ? 300 : 190, legend = options.wide || lines.filter((line) => line.label).length > 1;
    const floor = lowestDrawn(data.slice(1)), positive = floor > 0;
    let logarithmic = positive && tenet.state.get("log " + name, options.logarithmic || highestDrawn(data.slice(1)) > EXPLOSION * floor), drawn = null;
    if (positive) {
      const box = make("input"), tools = make("span", "tools", make("label", "", box, " logarithmic"));
      box.type = "checkbox";
      box.checked = logarithmic;
      box.addEventListener("change", () => {
        logarithmic = box.checked;
        tenet.state.set("log " + name, logarithmic);
        draw(place.clientWidth);
      });
      card.append(tools);
    }
    card.append(heading, make("p", "said", words), place, tenet.numbers(name, options.heads, options.rows));
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", title + ". " + words);
    const draw = (width) => {
      if (drawn) drawn.destroy();
      const safe = logarithmic ? data.map((values, i) => (i === 0 ? values : values.map((value) => (value > 0 ? Math.max(value, floor) : null)))) : data;
      drawn = new uPlot({
        width,
        height,
        padding: [10, 22, 0, 0],
        legend: { show: legend, live: true },
        cursor: { sync: { key: "tenet" }, y: false, points: { size: 6 } },
        scales: { x: { time: false, range: [0, lastStep] }, y: { distr: logarithmic ? 3 : 1, ...(logarithmic ? {} : { range: options.range || ((_, low, high) => spread(low, high)) }) } },
        axes: [
          axis({ values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? short(tick) : "")), size: 32 }),
          axis({ values: (_, ticks) => ticks.map(short), size: (_, labels) => 20 + 7 * Math.max(3, ...(labels || []).map((label) => label.length)) }),
        ],
        series: [{ label: "step", value: (_, value) => (value == null ? "" : count(value)) }, ...lines.map((line) => ({
          label: line.label || "",
          stroke: () => tenet.colour(line.colour),
          width: line.width == null ? 1.6 : line.width,
          dash: line.dash,
          spanGaps: line.points || false,
          points: { show: line.points || line.values.length < 3, size: 6, fill: () => tenet.colour("card"), stroke: () => tenet.colour(line.colour) },
          value: (_, value) => (value == null ? "" : figure(value, 4)),
        }))],
        bands: options.band ? [{ series: options.band, fill: () => tenet.colour("band") }] : [],
        plugins: [marks(), nonfinite(options.parts || [])],
      }, safe, place);
      /* The edges of a band need no entry of their own: the first entry is that of the steps. */
      place.querySelectorAll(".u-series").forEach((row, i) => row.classList.toggle("hidden", i > 0 && !lines[i - 1].label));
    };
    tenet.whenSeen(place, height + (legend ? 27 : 0), draw);
    tenet.pictures.push({ name, canvas: () => drawn && drawn.ctx.canvas });
    tenet.content("curves").append(card);
  };

  /* uPlot divides no range narrower than 1e-32 into ticks, nor one that doubles cannot tell apart. */
  const TINY = 1e-25;

  const spread = (low, high) => {
    if (low == null) return [0, 1];
    const size = Math.max(Math.abs(low), Math.abs(high)), gap = Math.max((high - low || size || 1) * 0.06, size * 1e-9, TINY);
    return [low - gap, high + gap];
  };

  /* The bottom of a logarithmic axis: at most 12 powers of ten below the highest value, for more cannot be read; 0 where nothing can be drawn on one. */
  const lowestDrawn = (lines) => {
    let low = Infinity, high = 0;
    for (const line of lines) for (const value of line) if (value > 0) [low, high] = [Math.min(low, value), Math.max(high, value)];
    return high > TINY ? Math.max(low, high * 1e-12, TINY) : 0;
  };

  /* Values that span more than this are not seen on another axis. */
  const EXPLOSION = 1e4;

  const highestDrawn = (lines) => {
    let high = 0;
    for (const line of lines) for (const value of line) if (value > high) high = value;
    return high;
  };

  const told = (part) => {
    if (!part || !part.step.length) return "nothing yet";
    const known = part.mean.filter((value) => value != null);
    const words = ["last " + figure(part.last) + " at step " + count(part.step[part.step.length - 1])];
    if (known.length) words.push("lowest " + figure(Math.min(...(part.min || known).filter((value) => value != null))),
      "highest " + figure(Math.max(...(part.max || known).filter((value) => value != null))));
    if (part.bad) words.push(count(part.bad) + " not finite");
    return words.join(", ");
  };

  const has = (part) => part && part.step.length > 0;
  const rowsOf = (parts) => {
    const steps = new Map();
    parts.forEach((part, at) => part.step.forEach((step, i) => {
      if (!steps.has(step)) steps.set(step, parts.map(() => null));
      steps.get(step)[at] = part.mean[i];
    }));
    return [...steps].sort((a, b) => a[0] - b[0]).map(([step, values]) => [count(step), ...values.map((value) => (value == null ? "" : figure(value, 4)))]);
  };

  const drawLoss = () => {
    const loss = series.loss, lines = [], parts = [], given = [loss];
    if (!has(loss)) return;
    const banded = Boolean(loss.min);
    parts.push({ step: loss.step, values: banded ? [loss.mean, loss.max, loss.min] : [loss.mean] });
    lines.push({ label: "loss of the batch", colour: "line-1", values: loss.mean });
    if (banded) lines.push({ label: "", colour: "band", width: 0, values: loss.max }, { label: "", colour: "band", width: 0, values: loss.min });
    for (const [part, label, colour, dash] of [[series["loss.train"], "training", "line-3", [2, 3]], [series["loss.valid"], "validation", "line-2", [7, 3]]]) {
      if (!has(part)) continue;
      parts.push({ step: part.step, values: [part.mean] });
      lines.push({ label, colour, dash, points: true, values: part.mean });
      given.push(part);
    }
    const words = "Of each batch: " + told(loss) + (has(series["loss.valid"]) ? ". Validation: " + told(series["loss.valid"]) : "") +
      (tenet.signals.length ? ". Signals at steps " + tenet.signals.map((signal) => count(signal.step)).join(", ") : "") + ".";
    chart("loss", "Loss", words, lines, joined(parts), {
      wide: true, band: banded ? [2, 3] : null, parts: given, heads: ["step", ...lines.filter((line) => line.label).map((line) => line.label)], rows: rowsOf(given),
    });
  };

  const drawScores = () => {
    const found = [[series["score.train"], "training", "line-3", [2, 3]], [series["score.valid"], "validation", "line-2", [7, 3]]].filter(([part]) => has(part));
    if (!found.length) return;
    const parts = found.map(([part]) => part), lines = found.map(([part, label, colour, dash]) => ({ label, colour, dash, points: true, values: part.mean }));
    const words = "0 is the trivial predictor, 1 perfect. " + found.map(([part, label]) => label + ": " + told(part)).join(". ") + ".";
    chart("score", "Score", words, lines, joined(parts.map((part) => ({ step: part.step, values: [part.mean] }))), {
      parts, heads: ["step", ...lines.map((line) => line.label)], rows: rowsOf(parts),
    });
  };

  const drawOne = (name, title, part, colour, logarithmic) => {
    if (!has(part)) return;
    const banded = Boolean(part.min), lines = [{ label: title, colour, values: part.mean }];
    if (banded) lines.push({ label: "", colour: "band", width: 0, values: part.max }, { label: "", colour: "band", width: 0, values: part.min });
    chart(name, title, told(part) + ".", lines, banded ? [part.step, part.mean, part.max, part.min] : [part.step, part.mean], {
      logarithmic, band: banded ? [2, 3] : null, parts: [part], heads: ["step", title.toLowerCase()], rows: rowsOf([part]),
    });
  };

  return () => {
    drawLoss();
    drawScores();
    drawOne("gradient_norm", "Gradient norm", series.gradient_norm, "line-4", true);
    drawOne("learning_rate", "Learning rate", series.learning_rate, "line-1", false);
  };
})();
