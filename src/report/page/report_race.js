/* report_race.js: the race of the fixes: how far each came alone, beside the training as given, and the losses of the best of them. */
"use strict";
tenet.race = (() => {
  const { report, make, count } = tenet, { number, list, object, score, ink, lines, bars } = tenet.charts;

  const LINES = ["line-1", "line-3", "line-4"].map(ink), LINES_MOST = 3;

  /* Of each fix the trial that came furthest, with its number in the list. */
  const byFix = (trials) => {
    const found = new Map();
    trials.forEach((trial, i) => {
      if (!trial.fix) return;
      const known = found.get(trial.fix);
      if (!known || (number(trial.steps) || 0) >= (number(known.trial.steps) || 0)) found.set(trial.fix, { trial, at: i + 1 });
    });
    return [...found.values()];
  };

  const reached = (trial) => (trial.end === "completed" || trial.end === "stopped" ? number(trial.score) : null);

  return (experiment) => {
    const trials = list(experiment.trials).map(object), look = trials.find((trial) => !trial.fix && !trial.confirms), raced = byFix(trials);
    if (!raced.length) return [];
    const confirmed = new Set(list(report.findings).filter((finding) => finding.confirmed).map((finding) => object(finding.fix).text)), given = look ? reached(look) || 0 : null;
    const order = (one) => (confirmed.has(one.trial.fix) ? 2 : 0) + (reached(one.trial) == null ? -1 : reached(one.trial));
    raced.sort((a, b) => order(b) - order(a));
    const row = ({ trial, at }) => {
      const ended = tenet.experiments.ended(trial), isConfirmed = confirmed.has(trial.fix), value = reached(trial);
      return {
        label: trial.fix + (isConfirmed ? " (confirmed)" : ""), value, className: isConfirmed ? "good" : ended ? "bad" : "",
        words: (ended || (value == null ? "no score" : score(value))) + (trial.end === "refused" || trial.end === "cancelled" ? "" : ", " + count(trial.steps) + " steps") + ", #" + at,
      };
    };
    const frame = make("div", "picture whole", make("h4", "", "Each change alone"), make("p", "said", "Score of the longest trial of each change" + (given != null ? "; the dashed line is the training as given, " + score(given) : "") + ". The race ends early for those that fall behind. # is the number of the trial."),
      bars(raced.map(row), given));
    const drawn = raced.filter(({ trial }) => reached(trial) != null).slice(0, LINES_MOST);
    const groups = drawn.map(({ trial }, i) => ({ label: trial.fix, colour: LINES[i], trials: [trial], strong: confirmed.has(trial.fix) }));
    if (look) groups.unshift({ label: "as given", colour: ink("line-2"), dash: true, trials: [look], strong: true });
    const curves = lines("race_loss", "Loss of the best of them", "A change of the loss or of the targets' scale changes its unit, so scores decide. A cross: NaN.", groups, 220);
    if (curves) curves.classList.add("whole");
    return [frame, curves];
  };
})();
