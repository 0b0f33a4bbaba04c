/* report_main.js: puts the page of a report together: verdict and findings, experiments, and the training as given with the pictures that a run's page has. */
"use strict";
(() => {
  const { report, run } = tenet, { list } = tenet.charts;

  /* The rules that fired in the first look, by the step at which they did: their numbers stand on the time lines. */
  tenet.signals = tenet.numbered(list(report.signals).filter((signal) => signal.state === "fired" && typeof signal.step === "number"));

  tenet.findings();
  tenet.experiments.draw();
  if (run.step > 0 || tenet.signals.length) tenet.listSignals(tenet.signals, "None fired.");
  else document.getElementById("signals").classList.add("hidden");
  tenet.curves();
  tenet.maps();
  if (!document.querySelector("#curves .card")) document.getElementById("curves").classList.add("hidden");
  document.body.classList.add("drawn");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => tenet.redraws.forEach((redraw) => redraw()));
  requestAnimationFrame(() => setTimeout(tenet.checkDrawn, 400));
})();
