/* report_findings.js: the head of a report and its findings: what is wrong, where, since when, why we are sure, what to change, and how much better it trains then; advice, the chain of fixes, and what was ruled out. */
"use strict";
tenet.findings = (() => {
  const { report, causes, make, figure, count } = tenet, { number, list, object, mean, score, ink, dots, lines, table, badge } = tenet.charts;

  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const titleOf = (cause) => (causes[cause] ? causes[cause].title : String(cause));
  const experiment = (name) => list(report.experiments).find((one) => object(one).name === name) || {};

  /* ---- the verdict in words ---- */

  const head = () => {
    const state = document.getElementById("state"), subject = object(report.subject), first = list(report.findings)[0], only = list(report.experiments).length === 1 && !first ? report.experiments[0] : null;
    document.getElementById("title").textContent = subject.name || "tenet";
    const more = list(report.findings).length - 1;
    let words, className = "doubt", verdict = report.verdict || "inconclusive";
    if (first) {
      words = (first.confirmed ? "faulty: " : "suspected: ") + titleOf(first.cause) + (first.confirmed ? "" : " (not confirmed)") + (more > 0 ? ", and " + count(more) + " more finding" + (more > 1 ? "s" : "") : "");
      className = first.confirmed ? "bad" : "doubt";
    } else if (report.run) {
      const run = object(report.run);
      words = verdict + ": " + count(run.steps) + " steps, loss " + figure(run.first_loss) + " → " + figure(run.last_loss);
      className = run.end === "completed" ? "good" : "doubt";
    } else if (only) {
      verdict = only.verdict;
      words = only.name + ": " + only.verdict + ". " + capital(String(only.summary || ""));
      className = { pass: "good", fail: "bad" }[only.verdict] || "doubt";
    } else if (verdict === "healthy") {
      words = "healthy: nothing was found that keeps this network from training";
      className = "good";
    } else {
      const failed = list(report.experiments).find((one) => object(one).verdict === "fail");
      words = verdict + ": " + (report.reason || (report.spent ? "stopped before the experiments could decide" : failed ? "no cause was found, but something is wrong: " + failed.summary : "the experiments did not decide"));
    }
    state.textContent = words;
    state.classList.add(className);
    const facts = [subject.kind, number(subject.parameters) ? count(subject.parameters) + " parameters" : null, number(subject.samples) ? count(subject.samples) + " samples" : null,
      subject.task, number(subject.classes) ? count(subject.classes) + " classes" : null, number(subject.learning_rate) != null ? "learning rate " + figure(subject.learning_rate) : null, number(subject.batch_size) ? "batch size " + count(subject.batch_size) : null];
    document.getElementById("subject").textContent = facts.filter(Boolean).join(", ");
  };

  const figures = () => {
    const cost = object(report.cost), first = object(list(report.findings)[0]), effect = object(object(first.fix).effect), shown = [];
    if (number(report.score) != null) shown.push(["score as given", score(report.score)]);
    const after = list(effect.after).filter((value) => number(value) != null);
    if (after.length) shown.push(["score with the fix", score(mean(after))]);
    if (number(first.confidence) != null) shown.push(["confidence", first.confidence > 0.99 && first.confidence < 1 ? "over 99 %" : tenet.percent(first.confidence)]);
    if (number(cost.trials) != null) shown.push(["trials", count(cost.trials)], ["steps", count(cost.steps)], ["time", tenet.duration(cost.seconds)]);
    document.getElementById("figures").append(...shown.map(([title, value]) => make("div", "figure", make("b", "", value), make("span", "", title))));
  };

  /* ---- parts of a finding ---- */

  const where = (place) => {
    const parts = [];
    if (place.path) parts.push(place.path);
    if (place.tensor || place.op || place.node) parts.push((place.tensor || place.node || place.op) + (place.op && (place.tensor || place.node) && place.op !== place.tensor ? " (" + place.op + ")" : ""));
    if (place.direction) parts.push(place.direction);
    if (number(place.sample) != null) parts.push("sample " + count(place.sample));
    if (place.file) parts.push(place.file + (number(place.line) != null ? ":" + place.line : ""));
    return parts.join(", ");
  };

  /* The step from which on something was seen: the finding's own, else that of the first rule that it explains. */
  const since = (finding) => {
    const own = number(object(finding.where).step);
    if (own != null) return "step " + count(own);
    const names = list(finding.symptoms).map((one) => (typeof one === "string" ? one : object(one).name));
    const fired = list(report.signals).filter((signal) => signal.state === "fired" && names.includes(signal.rule) && number(signal.step) != null).sort((a, b) => a.step - b.step)[0];
    return fired ? "step " + count(fired.step) + (fired.text ? ": " + fired.text : "") : null;
  };

  const quoted = (text) => (/^[\w.,:=/+-]+$/.test(text) ? text : "'" + text.replace(/'/g, "'\\''") + "'");
  const valueText = (value) => (typeof value === "string" && !/^[[{"\d-]|^(true|false|null)$/.test(value) ? value : JSON.stringify(value));
  const patchText = (patch) => Object.entries(object(patch)).map(([path, value]) => "--set " + quoted(path + "=" + valueText(value))).join(" \\\n");

  const change = (fix) => {
    const parts = [fix.text || null], source = list(fix.lines);
    if (source.length) parts.push(make("code", "change", source.map((line) => (line.file ? line.file + (number(line.line) != null ? ":" + line.line : "") + "  " : "") + (line.change || "") + (line.was ? "\n    " + line.was : "")).join("\n")));
    else if (Object.keys(object(fix.patch)).length) parts.push(make("code", "change", patchText(fix.patch)));
    return parts;
  };

  const evidence = (items) => make("ul", "", ...list(items).map((item) => make("li", "", String(object(item).text || ""))));

  const better = (effect) => {
    const before = list(effect.before).map(number), after = list(effect.after).map(number), known = (values) => values.filter((value) => value != null);
    if (!known(after).length) return null;
    const won = before.filter((value, i) => after[i] != null && (value == null || after[i] > value)).length;
    return { before, after, words: "mean score " + score(mean(known(before))) + " → " + score(mean(known(after))) + ", better on " + count(won) + " of " + count(before.length) + " fresh seeds" };
  };

  /* Scores of each seed, and the losses of the very trials. */
  const effectPictures = (name, fix) => {
    const found = better(object(fix.effect));
    if (!found) return [];
    const trials = list(experiment("race").trials).filter((trial) => object(trial).confirms === fix.text), halves = [];
    halves.push(dots(name, "Before and after, on fresh seeds", found.words + ". A dot is a seed, the bar its mean; lines join the same seed.", [
      { label: "as given", values: found.before, colour: ink("line-2") }, { label: "with the fix", values: found.after, colour: ink("line-1") },
    ], { pairs: true, low: 0, high: 1, words: score }));
    halves.push(lines(name + "_loss", "Loss of these trials", "Each line is a seed; a cross: NaN.", [
      { label: "as given", colour: ink("line-2"), dash: true, trials: trials.filter((trial) => !trial.with_fix) }, { label: "with the fix", colour: ink("line-1"), trials: trials.filter((trial) => trial.with_fix) },
    ]));
    return halves.filter(Boolean);
  };

  const standing = (finding) => {
    const by = { fix: "confirmed by its fix", control: "confirmed by a control" }[finding.confirmed_by] || "confirmed";
    return make("span", "badge " + (finding.confirmed ? "bad" : "doubt"), finding.confirmed ? by : "suspected, not confirmed");
  };

  const card = (finding, i) => {
    const rows = [], add = (title, ...content) => { if (content.some((part) => part != null && part !== "")) rows.push(make("dt", "", title), make("dd", "", ...content)); };
    const fix = object(finding.fix), found = better(object(fix.effect)), words = causes[finding.cause], pictures = effectPictures("effect_" + (i + 1), fix);
    add("Where", where(object(finding.where)));
    add("Since", since(finding));
    if (list(finding.evidence).length) add("Why we are sure", evidence(finding.evidence));
    add("What to change", ...(change(fix).length && (fix.text || fix.patch) ? change(fix) : [words ? words.what_to_do : null]));
    if (found) add("How much better", found.words);
    if (list(finding.together_with).length) add("Together", list(finding.together_with).map(titleOf).join("; "));
    if (words) add("What it is", words.explanation);
    return make("div", "card report-card finding" + (finding.confirmed ? "" : " suspected"), make("h3", "", capital(titleOf(finding.cause)), standing(finding), make("code", "", String(finding.cause))),
      make("dl", "", ...rows), pictures.length ? make("div", "halves", ...pictures) : null);
  };

  const hideOr = (section, entries, draw) => {
    if (!entries.length) document.getElementById(section).classList.add("hidden");
    else tenet.content(section).append(...draw(entries));
  };

  /* ---- what was ruled out, and by which trials of the race ---- */

  const trialsOf = (cause) => list(experiment("race").trials).map((trial, i) => [object(trial), i + 1]).filter(([trial]) => trial.cause === cause).map(([, at]) => at);

  const ruledOut = (entries) => [table([{ words: "cause" }, { words: "why", wide: true }, { words: "trials of the race", number: true }], entries.map((entry) => [
    capital(titleOf(entry.cause)), String(entry.why || ""), trialsOf(entry.cause).map((at) => "#" + at).join(" ") || "-"]))];

  const chain = (entries) => {
    const fixed = object(report.fixed), parts = [table([{ words: "" }, { words: "cause" }, { words: "change", wide: true }, { words: "then" }, { words: "score", number: true }], entries.map((entry, i) => [
      String(i + 1), capital(titleOf(entry.cause)), typeof entry.fix === "string" ? entry.fix : String(object(entry.fix).text || ""), entry.verdict ? badge(entry.verdict) : "", score(number(entry.score))]))];
    if (Object.keys(object(fixed.patch)).length) parts.push(make("p", "", "All of it together:"), make("code", "change", patchText(fixed.patch)));
    return parts;
  };

  const advice = (entries) => entries.map((entry, i) => {
    const pictures = effectPictures("advice_" + (i + 1), { ...entry, text: undefined }), trials = list(experiment("race").trials).filter((trial) => object(trial).confirms);
    if (pictures.length === 1 && trials.length) {
      const curves = lines("advice_loss_" + (i + 1), "Loss of these trials", "Each line is a seed; a cross: NaN.", [
        { label: "as given", colour: ink("line-2"), dash: true, trials: trials.filter((trial) => !trial.with_fix) }, { label: "with the change", colour: ink("line-1"), trials: trials.filter((trial) => trial.with_fix) }]);
      if (curves) pictures.push(curves);
    }
    return make("div", "card report-card", make("h3", "", capital(titleOf(entry.cause)), make("code", "", String(entry.cause || ""))), make("p", "", String(entry.text || "")),
      Object.keys(object(entry.patch)).length ? make("code", "change", patchText(entry.patch)) : null, pictures.length ? make("div", "halves", ...pictures) : null);
  });

  return () => {
    head();
    figures();
    hideOr("findings", list(report.findings), (found) => [make("div", "stack", ...found.map(card))]);
    hideOr("chain", list(report.chain), chain);
    hideOr("advice", list(report.advice), (found) => [make("div", "stack", ...advice(found))]);
    hideOr("ruled_out", list(report.ruled_out), ruledOut);
  };
})();
