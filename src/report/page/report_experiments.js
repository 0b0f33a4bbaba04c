/* report_experiments.js: a card for each experiment: its verdict, why it was chosen, and the picture that makes the verdict obvious. An experiment is known by the keys of its result, so one that this page does not know
 * still shows its figures as a table. */
"use strict";
tenet.experiments = (() => {
  const { report, make, figure, count } = tenet, { number, list, object, score, ink, lines, dots, scatter, bars, grid, table, badge } = tenet.charts;

  const COLOURS = ["line-1", "line-2", "line-3", "line-4", "dim", "doubt", "bad", "good"].map(ink);

  const ended = (trial) => (trial.end === "nonfinite" ? "NaN" + (number(trial.nonfinite_step) ? " at step " + count(trial.nonfinite_step) : "") : trial.end === "refused" ? "not possible" : trial.end === "cancelled" ? "not run" : null);
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const trialsOf = (experiment) => list(experiment.trials).map(object);
  const knobsOf = (trial) => object(trial.knobs);

  /* ---- the first loss ---- */

  const firstLoss = (experiment, result) => {
    if (number(result.initial_loss) == null || number(result.expected_loss) == null) return [];
    const rows = [{ label: "before training", values: [number(result.initial_loss)], colour: ink("line-1") }, { label: "expected", values: [number(result.expected_loss)], colour: ink("line-3") }];
    if (number(result.trivial_loss) != null) rows.push({ label: "trivial predictor", values: [number(result.trivial_loss)], colour: ink("dim") });
    return [dots("first_loss", "Loss before training", "As given " + figure(result.initial_loss, 4) + "; a network without knowledge has " + figure(result.expected_loss, 4) + ".", rows, { low: 0, high: 1.2 * Math.max(...rows.map((row) => row.values[0])), unit: "loss", words: (value) => figure(value, 4) })];
  };

  /* ---- the ladder of rates ---- */

  const ladder = (experiment, result) => {
    const rungs = list(result.ladder).map(object).filter((rung) => number(rung.rate) != null).sort((a, b) => a.rate - b.rate), given = number(result.learning_rate), window = list(result.window).map(number);
    const broke = (rung) => rung.diverged === true || rung.end === "nonfinite", boundary = number(result.boundary);
    if (!rungs.length) return [];
    const zones = boundary != null ? [{ from: boundary, to: null, colour: ink("broken"), label: "breaks" }] : [];
    if (window.length === 2 && window[0] != null && window[1] != null) zones.unshift({ from: window[0], to: window[1], colour: ink("window"), label: "window of good rates", short: "window" });
    const said = (boundary != null ? "From " + figure(boundary) + " on it breaks" + (result.boundary_kind === "nonfinite" ? " (NaN)" : " (" + result.boundary_kind + ")") : "No rate tried breaks") +
      (given != null ? "; given is " + figure(given) : "") + (zones.length > 1 ? "; good rates lie between " + figure(window[0]) + " and " + figure(window[1]) : "") + ". A cross is a rate that broke.";
    const low = Math.min(...rungs.map((rung) => rung.rate), ...window.filter((rate) => rate != null)), high = Math.max(...rungs.map((rung) => rung.rate));
    const kept = trialsOf(experiment).filter((trial) => number(knobsOf(trial).learning_rate) != null).sort((a, b) => knobsOf(a).learning_rate - knobsOf(b).learning_rate);
    return [scatter("ladder", "Loss by learning rate", said, rungs.map((rung) => ({ x: rung.rate, y: number(rung.loss), broke: broke(rung), strong: rung.rate === number(result.clean_rate) })), {
      marks: given != null ? [{ value: given, label: "given" }] : [], zones, yWords: "loss", join: true, xLow: low / 1.6, xHigh: high * 1.6,
      heads: ["rate", "loss", "end"], rows: rungs.map((rung) => [figure(rung.rate, 4), number(rung.loss) == null ? "-" : figure(rung.loss, 4), rung.end === "nonfinite" ? "NaN" : rung.diverged ? "diverged" : String(rung.end)]),
    }), lines("ladder_loss", "Loss at each rate", "The rates that broke, and those that ran. A cross: NaN.", kept.map((trial, i) => ({
      label: figure(knobsOf(trial).learning_rate), colour: COLOURS[i % COLOURS.length], dash: i >= COLOURS.length, trials: [trial],
    })), 230)];
  };

  /* ---- samples learnt by heart ---- */

  const rungs = (experiment, result) => {
    const shown = list(result.rungs).map((rung) => [object(rung), count(object(rung).samples) + " samples"]);
    if (result.batch_size_1) shown.push([object(result.batch_size_1), "batch size 1"]);
    if (result.permuted_labels) shown.push([object(result.permuted_labels), "permuted labels"]);
    if (!shown.length) return [];
    const needed = list(experiment.evidence).map((item) => number(object(item).threshold)).find((value) => value != null);
    const frame = make("div", "picture", make("h4", "", "Samples learnt by heart"), make("p", "said", "Training score" + (needed ? "; the dashed line is what counts as learnt, " + figure(needed) : "") + "."),
      bars(shown.map(([rung, label]) => ({ label, value: number(rung.score), className: rung.passed ? "good" : "bad", words: score(number(rung.score)) + (rung.passed ? " learnt" : " not learnt") + ", " + count(rung.steps) + " steps" })), needed));
    const groups = trialsOf(experiment).map((trial, i) => ({ label: shown[i] ? shown[i][1] : "trial " + (i + 1), colour: COLOURS[i % COLOURS.length], trials: [trial] }));
    return [frame, lines("rungs_loss", "Loss of these trials", "A cross: NaN.", groups)];
  };

  /* ---- samples as the network sees them ---- */

  const SHADES = " .:-=+*#%@";

  const pixels = (rows) => {
    const canvas = make("canvas"), height = rows.length, width = Math.max(...rows.map((row) => row.length), 1), context = canvas.getContext("2d");
    canvas.width = width;
    canvas.height = height;
    const image = context.createImageData(width, height);
    rows.forEach((row, y) => [...row].forEach((letter, x) => {
      const light = Math.round(Math.max(SHADES.indexOf(letter), 0) * 255 / (SHADES.length - 1));
      image.data.set([light, light, light, 255], 4 * (y * width + x));
    }));
    context.putImageData(image, 0, 0);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "The sample as the network sees it, " + height + " by " + width);
    return canvas;
  };

  const answer = (value) => (Array.isArray(value) ? value.slice(0, 4).map((one) => (number(one) == null ? "NaN" : figure(one))).join(" ") : number(value) != null ? figure(value) : value == null ? "NaN" : String(value));

  const samples = (experiment, result) => {
    const shown = list(result.shown).map(object);
    if (!shown.length) return [];
    const tile = (sample) => {
      const right = number(sample.label) != null && number(sample.prediction_after) != null ? sample.label === sample.prediction_after : null;
      const rows = list(sample.picture).filter((row) => typeof row === "string");
      return make("div", "", rows.length ? pixels(rows) : null, make("div", "", make("p", "", make("b", "", "label " + answer(sample.label))), make("p", "", "row " + count(sample.row)),
        sample.inputs ? make("p", "", "inputs " + answer(sample.inputs)) : null, make("p", "", "at first " + answer(sample.prediction_before)),
        make("p", right == null ? "" : right ? "right" : "wrong", (right == null ? "" : right ? "✓ " : "✗ ") + "at last " + answer(sample.prediction_after))));
    };
    const steps = number(object(trialsOf(experiment)[0]).steps); /* none of its own where the first look has shown them */
    const after = steps == null ? "the first look." : count(steps) + " steps.";
    const frame = make("div", "picture whole", make("h4", "", "Samples, as the network sees them"), make("p", "said", "Does each label fit its input? Below it what the network says, before and after " + after), make("div", "samples-seen", ...shown.map(tile)));
    frame.append(tenet.numbers("samples", ["row", "label", "at first", "loss", "at last", "loss"], shown.map((sample) => [count(sample.row), answer(sample.label), answer(sample.prediction_before), figure(number(sample.loss_before)), answer(sample.prediction_after), figure(number(sample.loss_after))])));
    return [frame];
  };

  /* ---- initial scale by rate ---- */

  const initial = (experiment, result) => {
    const found = object(result.grid), scales = list(found.init_scales).map(number), rates = list(found.learning_rates).map(number), cells = list(found.cells).map((row) => list(row).map(object));
    if (!cells.length) return [];
    const scores = cells.flat().map((cell) => number(cell.score)).filter((value) => value != null), best = scores.length ? Math.max(...scores) : null, frontier = list(found.frontier).map(number);
    const middle = [Math.floor(scales.length / 2), Math.floor(rates.length / 2)], broken = (cell) => cell.nonfinite === true || cell.diverged === true;
    const painted = cells.map((row, r) => row.map((cell, c) => ({
      words: cell.nonfinite ? "NaN" : cell.diverged ? "diverged" : number(cell.score) == null ? "-" : score(cell.score), broken: broken(cell), share: number(cell.score) == null ? null : Math.min(Math.max(cell.score, 0), 1),
      best: best != null && cell.score === best && !broken(cell), given: r === middle[0] && c === middle[1], frontier: frontier[r] != null && Math.abs(rates[c] - frontier[r]) <= 1e-9 * rates[c],
    })));
    const rate = number(object(report.subject).learning_rate);
    const said = (best == null ? "All of them break" : count(cells.flat().filter(broken).length) + " of " + count(cells.flat().length) + " break; the best scores " + score(best)) + ". Hatched: broken, behind the frontier, which is the red line. Framed: the best. Underlined: as given" + (rate != null ? ", at rate " + figure(rate) : "") + ".";
    return [make("div", "picture whole", make("h4", "", "Scores by initial scale and learning rate"), make("p", "said", said), grid("init × , rate", rates.map((one) => figure(one)), scales.map((one) => "× " + figure(one)), painted))];
  };

  /* ---- scales of inputs and targets ---- */

  const scales = (experiment, result) => {
    const shown = list(result.scales).map(object);
    if (!shown.length) return [];
    const given = number(shown[0].score), name = (one) => (!one.input && !one.label ? "as given" : [one.input ? "inputs: " + one.input : null, one.label ? "targets: " + one.label : null].filter(Boolean).join(", "));
    const best = Math.max(...shown.map((one) => number(one.score) || 0));
    return [make("div", "picture", make("h4", "", "Score by scale"), make("p", "said", "The dashed line is the score as given, " + score(given) + "."),
      bars(shown.map((one) => ({ label: name(one), value: number(one.score), words: score(number(one.score)), className: number(one.score) === best && best > (given || 0) + 0.1 ? "good" : "" })), given))];
  };

  /* ---- when the rate should fall ---- */

  const decays = (experiment, result) => {
    const shown = list(result.decays).map(object), planned = shown.filter((one) => number(one.after) != null && number(one.every) != null);
    if (!shown.length) return [];
    const given = shown.find((one) => one.given), afters = [...new Set(planned.map((one) => one.after))].sort((a, b) => a - b), everies = [...new Set(planned.map((one) => one.every))].sort((a, b) => a - b);
    const scored = shown.map((one) => number(one.score)).filter((value) => value != null), best = Math.max(...scored), low = Math.min(...scored);
    const cells = afters.map((after) => everies.map((every) => {
      const value = number(object(planned.find((one) => one.after === after && one.every === every)).score);
      return { words: score(value), share: value == null ? null : best > low ? (value - low) / (best - low) : 0.5, best: value === best };
    }));
    return [make("div", "picture whole", make("h4", "", "Score by when the rate begins to fall, and how often"), make("p", "said", "In epochs. " + (given ? "As given " + score(number(given.score)) + "; the" : "The") + " best " + score(best) + ". Colours span the scores found."),
      cells.length ? grid("after, every", everies.map((every) => "every " + count(every)), afters.map((after) => "after " + count(after)), cells) : bars(shown.map((one) => ({ label: one.given ? "as given" : "decay", value: number(one.score), words: score(number(one.score)) }))))];
  };

  /* ---- gradient norms and the limit ---- */

  const clip = (experiment, result) => {
    if (number(result.median_norm) == null || number(result.largest_norm) == null) return [];
    const rows = [{ label: "median", values: [number(result.median_norm)], colour: ink("line-1") }, { label: "largest", values: [number(result.largest_norm)], colour: ink("line-2") }];
    const limit = number(result.limit);
    return [dots("norms", "Gradient norms", count(result.spikes) + " of " + count(result.norms) + " norms are spikes" + (limit != null ? "; the limit read off them is " + figure(limit) : "") + ".", rows, { marks: limit != null ? [{ value: limit, label: "limit " + figure(limit) }] : [], unit: "norm" }),
      lines("clip_loss", "Loss with and without clipping", "A cross: NaN.", trialsOf(experiment).map((trial, i) => ({ label: knobsOf(trial).clip_norm != null ? "clipped at " + figure(knobsOf(trial).clip_norm) : "as given", colour: COLOURS[i % COLOURS.length], trials: [trial] })))];
  };

  /* What of a result no picture has shown yet, as the page shows what it does not know. */
  const others = (result, ...drawn) => Object.fromEntries(Object.entries(result).filter(([key]) => !drawn.includes(key)));

  /* ---- levels by samples: a map of pass and fail, with the path of the climb ---- */

  const levels = (experiment, result) => {
    const climbed = list(result.path).map(object), cells = climbed.length ? climbed : list(result.levels).map(object), names = [], columns = [];
    if (!cells.length) return [];
    const columnOf = (cell) => (number(cell.samples) == null ? "all samples" : count(cell.samples) + " samples");
    for (const cell of cells) {
      const name = String(cell.level);
      /* A step that was inserted lies below the level whose step it halves, which was tried before it. */
      if (!names.includes(name)) names.splice(cell.between === true && names.length ? names.length - 1 : names.length, 0, name);
      if (!columns.includes(columnOf(cell))) columns.push(columnOf(cell));
    }
    const painted = names.map(() => columns.map(() => ({ words: "-" })));
    cells.forEach((cell, i) => {
      const words = (cell.passed === true ? "✓ " : "✗ ") + score(number(cell.score)) + ", " + count(cell.steps) + " steps";
      painted[names.indexOf(String(cell.level))][columns.indexOf(columnOf(cell))] = { words: (climbed.length ? i + 1 + ". " : "") + words, passed: cell.passed === true, failed: cell.passed !== true };
    });
    const frame = make("div", "picture whole", make("h4", "", "Levels by samples"), make("p", "said", "The full problem stands at the top. ✓ passed, ✗ failed; scores and the steps that it took." + (climbed.length ? " Numbers tell the path of the climb." : "")),
      grid("level", columns, names.slice().reverse(), painted.slice().reverse()));
    return [frame, ...unknown(experiment, others(result, "path", "levels"))];
  };

  /* ---- samples whose labels are in doubt ---- */

  const suspects = (experiment, result) => {
    const shown = list(result.suspects).map(object);
    if (!shown.length) return unknown(experiment, others(result, "suspects"));
    const tile = (suspect) => {
      const rows = list(suspect.picture).filter((row) => typeof row === "string");
      return make("div", "", rows.length ? pixels(rows) : null, make("div", "", make("p", "", make("b", "", "label " + answer(suspect.label))), make("p", "", "row " + count(suspect.row)), suspect.inputs ? make("p", "", "inputs " + answer(suspect.inputs)) : null,
        make("p", "wrong", "rather " + answer(suspect.suggested) + ", " + tenet.percent(number(suspect.probability))), make("p", "", "by " + list(suspect.by).join(", "))));
    };
    const pictured = shown.filter((suspect) => suspect.picture || suspect.inputs);
    const frame = make("div", "picture whole", make("h4", "", "Labels in doubt"), make("p", "said", count(shown.length) + " of " + count(result.examined) + " samples examined, the surest first. Does the label fit the sample?"), make("div", "samples-seen", ...pictured.map(tile)));
    frame.append(tenet.numbers("suspects", ["row", "label", "suggested", "probability", "of its label", "neighbours", "by"], shown.map((one) => [count(one.row), answer(one.label), answer(one.suggested), figure(number(one.probability)), figure(number(one.probability_of_label)), count(one.neighbours), list(one.by).join(", ")])));
    return [frame, ...unknown(experiment, others(result, "suspects"))];
  };

  /* ---- random search ---- */

  const search = (experiment, result) => {
    const trials = list(result.search).map(object), dimensions = list(result.importance).map(object);
    if (!trials.length) return [];
    const parts = [];
    if (dimensions.length) parts.push(make("div", "picture whole", make("h4", "", "Which hyper-parameters mattered"), make("p", "said", "Share of the spread of scores that the value alone explains."),
      bars(dimensions.map((one) => ({ label: String(one.name), value: number(one.importance), words: tenet.percent(number(one.importance)) })))));
    const best = Math.max(...trials.map((trial) => number(trial.score) || 0));
    for (const { name } of dimensions) {
      const points = trials.map((trial) => ({ x: number(object(trial.values)[name]), y: number(trial.score), broke: trial.end === "nonfinite", strong: number(trial.score) === best }));
      if (!points.some((point) => point.x != null)) continue;
      parts.push(scatter("search_" + name, "Score by " + name, "A dot is a trial, the ringed one the best (" + score(best) + "); a cross ended in NaN.", points, { lowY: 0, highY: 1, heads: [name, "score"], rows: points.filter((point) => point.x != null).sort((a, b) => a.x - b.x).map((point) => [figure(point.x), score(point.y)]) }));
    }
    return parts;
  };

  /* ---- differences that break ---- */

  const bisected = (experiment, result) => {
    const minimal = list(result.minimal);
    if (!minimal.length && number(result.good_score) == null) return [];
    const words = (one) => (typeof one === "string" ? one : object(one).text || object(one).path || JSON.stringify(one));
    return [make("div", "picture", make("h4", "", "Scores"), bars([["the good hypes", result.good_score], ["the bad hypes", result.bad_score], ["good, with the set", result.minimal_score], ["bad, without it", result.undone_score]]
      .filter(([, value]) => number(value) != null).map(([label, value]) => ({ label, value: number(value), words: score(number(value)) })))),
    minimal.length ? make("div", "picture", make("h4", "", "The smallest set that breaks it, of " + count(list(result.differences).length)), make("ul", "", ...minimal.map((one) => make("li", "", make("code", "", words(one)))))) : null];
  };

  /* ---- whatever this page does not know: rows with scores as bars, other lists as tables, numbers as figures ---- */

  const plain = (value) => (value == null ? "-" : number(value) != null ? figure(value, 4) : typeof value === "object" ? JSON.stringify(value) : String(value));

  const unknown = (experiment, result) => {
    const parts = [], figures = [];
    for (const [key, value] of Object.entries(result)) {
      const rows = list(value).filter((row) => row && typeof row === "object" && !Array.isArray(row)), title = key.replace(/_/g, " ");
      if (!rows.length) {
        if (typeof value !== "object" && key !== "broken") figures.push([title, plain(value)]);
        continue;
      }
      const heads = [...new Set(rows.flatMap(Object.keys))].filter((head) => rows.some((row) => typeof row[head] !== "object" || row[head] == null)), names = heads.filter((head) => typeof rows[0][head] === "string" || ["samples", "level", "batch_size"].includes(head));
      const frame = make("div", "picture whole", make("h4", "", title.charAt(0).toUpperCase() + title.slice(1)));
      if (heads.includes("score") && names.length) frame.append(bars(rows.map((row) => ({ label: names.map((head) => (typeof row[head] === "string" ? row[head] : head.replace(/_/g, " ") + " " + plain(row[head]))).join(", "), value: number(row.score), words: score(number(row.score)), className: row.passed === true ? "good" : row.passed === false ? "bad" : "" }))));
      const shown = table(heads.map((head) => ({ words: head.replace(/_/g, " "), number: rows.every((row) => typeof row[head] !== "string") })), rows.slice(0, 64).map((row) => heads.map((head) => plain(row[head]))));
      frame.append(shown);
      parts.push(frame);
    }
    if (figures.length) parts.push(make("div", "picture whole", table([{ words: "figure" }, { words: "value", number: true }], figures)));
    return parts;
  };

  /* By a key that its result has, in the order of the pictures. */
  const KNOWN = { initial_loss: firstLoss, ladder, rungs, shown: samples, grid: initial, scales, decays, median_norm: clip, path: levels, levels, suspects, search, differences: bisected };

  const pictures = (experiment) => {
    const result = object(experiment.result), keys = Object.keys(KNOWN).filter((key) => key in result);
    if (experiment.name === "race") return tenet.race(experiment);
    return keys.length ? keys.flatMap((key) => KNOWN[key](experiment, result)) : unknown(experiment, result);
  };

  const planned = (name) => object(list(report.plan).find((entry) => object(entry).experiment === name));

  const card = (experiment) => {
    const why = planned(experiment.name).why, said = list(experiment.evidence).map((item) => String(object(item).text || "")).filter((text) => text && text !== experiment.summary);
    let drawn = [];
    try {
      drawn = pictures(experiment).filter(Boolean);
    } catch (problem) {
      tenet.errors += 1;
      drawn = [make("p", "note", "This experiment's result cannot be drawn: " + problem.message)];
    }
    return make("div", "card report-card", make("h3", "", capital(String(experiment.title || experiment.name)), badge(String(experiment.verdict || "inconclusive")), make("code", "", experiment.name + (experiment.protocol && experiment.protocol !== "-" ? " · " + experiment.protocol : ""))),
      make("p", "", capital(String(experiment.summary || ""))), why ? make("p", "why", "Why: " + why + ".") : null, said.length ? make("ul", "said", ...said.map((text) => make("li", "", text))) : null,
      drawn.length ? make("div", "halves", ...drawn) : null);
  };

  /* The race comes first where it has found the cause: it is the proof. */
  const plan = () => {
    const found = list(report.experiments).map(object), total = found.reduce((sum, one) => sum + (number(one.seconds) || 0), 0);
    return [table([{ words: "experiment" }, { words: "verdict" }, { words: "why", wide: true }, { words: "trials", number: true }, { words: "steps", number: true }, { words: "seconds", number: true }, { words: "share", number: true }], found.map((one) => {
      const steps = number(planned(one.name).steps);
      return [make("code", "", String(one.name)), badge(String(one.verdict)), String(planned(one.name).why || one.title || ""), count(Math.max(trialsOf(one).length, list(object(one.result).search).length)), steps == null ? "-" : count(steps), number(one.seconds) == null ? "-" : one.seconds.toFixed(2), total > 0 ? tenet.percent((number(one.seconds) || 0) / total) : "-"];
    }))];
  };

  const notes = () => {
    const said = list(report.notes).map(String);
    if (report.score_note) said.unshift((number(report.score) == null ? "No score: " : "The score: ") + report.score_note);
    if (report.thinned) said.push("This report was too long for a page of 2 MB: curves or histograms were left out here. The JSON document has them.");
    return said;
  };

  return {
    ended,
    draw() {
      const found = list(report.experiments).map(object), said = notes();
      if (found.length) tenet.content("experiments").append(make("div", "stack", ...found.map(card)));
      else document.getElementById("experiments").classList.add("hidden");
      if (found.length) tenet.content("plan").append(...plan());
      else document.getElementById("plan").classList.add("hidden");
      if (said.length) tenet.content("notes").append(make("ul", "", ...said.map((text) => make("li", "", text))));
      else document.getElementById("notes").classList.add("hidden");
    },
  };
})();
