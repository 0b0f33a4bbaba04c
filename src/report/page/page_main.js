/* page_main.js: puts the page together: its head, the figures, the signals, all pictures, and the reload that follows the run. */
"use strict";
(() => {
  const { run } = tenet, { make, figure, count } = tenet;
  const running = run.state === "running";

  tenet.signals = tenet.numbered(run.signals);

  const head = () => {
    const states = {
      running: ["training", ""], completed: ["trained to the end", "good"], cancelled: ["ended early, as asked", "doubt"], stopped: ["ended by a rule", "doubt"],
      nonfinite: ["ended: NaN or infinity", "bad"], failed: ["failed", "bad"],
    };
    const [words, className] = states[run.state] || [run.state, "doubt"], state = document.getElementById("state");
    document.getElementById("title").textContent = run.title;
    state.textContent = words + (run.message ? ": " + run.message : "");
    if (className) state.classList.add(className);
    if (run.steps_total) {
      const bar = make("progress");
      bar.max = run.steps_total;
      bar.value = Math.min(run.step, run.steps_total);
      bar.setAttribute("aria-label", "steps done");
      state.after(bar);
    }
  };

  const figures = () => {
    const last = (name) => { const part = run.series[name]; return part && part.step.length ? part.last : undefined; };
    const list = [["step", count(run.step) + (run.steps_total ? " of " + count(run.steps_total) : "")]];
    const add = (title, value, digits) => { if (value !== undefined) list.push([title, figure(value, digits)]); };
    add("loss", last("loss"), 4);
    add("validation loss", last("loss.valid"), 4);
    add("validation score", last("score.valid"), 3);
    if (last("score.valid") === undefined) add("training score", last("score.train"), 3);
    add("gradient norm", last("gradient_norm"), 3);
    add("learning rate", last("learning_rate"), 3);
    list.push(["time", tenet.duration(run.seconds)]);
    if (run.steps_per_second) list.push(["steps a second", figure(run.steps_per_second)]);
    if (running && run.steps_per_second && run.steps_total > run.step) list.push(["left", tenet.duration((run.steps_total - run.step) / run.steps_per_second)]);
    if (run.parameters) list.push(["parameters", count(run.parameters)]);
    document.getElementById("figures").append(...list.map(([title, value]) => make("div", "figure", make("b", "", value), make("span", "", title))));
  };

  /* ---- following the run: the page loads itself anew, and comes back to where it was ---- */

  const age = () => Math.max(0, Date.now() / 1000 - run.written);

  const follow = () => {
    const line = document.getElementById("follow-line"), box = document.getElementById("follow"), written = document.getElementById("written");
    const tell = () => {
      const old = running && age() > 20 * run.refresh;
      written.textContent = "written " + new Date(run.written * 1000).toLocaleString() + (old ? ", and not since: the run may have been ended from outside" : "");
    };
    tell();
    if (!running) {
      box.parentElement.classList.add("hidden");
      return;
    }
    box.checked = tenet.state.get("follow", true);
    box.addEventListener("change", () => tenet.state.set("follow", box.checked));
    line.title = "This page is written anew as the run goes on";
    let busy = 0;
    for (const event of ["pointerdown", "keydown", "wheel", "touchmove"]) addEventListener(event, () => { busy = Date.now(); }, { passive: true });
    const reload = () => {
      const inUse = Date.now() - busy < 1500 || String(getSelection()) !== "";
      tell();
      if (!box.checked || document.hidden || inUse) {
        setTimeout(reload, 1000);
        return;
      }
      tenet.state.set("scroll", scrollY);
      location.reload();
    };
    /* An old file is looked at less often. */
    setTimeout(reload, 1000 * Math.min(run.refresh * (age() > 20 * run.refresh ? 10 : 1), 60));
  };

  const restore = () => {
    if ("scrollRestoration" in history) history.scrollRestoration = "manual";
    const kept = tenet.state.get("scroll", 0);
    if (kept > 0) scrollTo(0, kept);
    addEventListener("pagehide", () => tenet.state.set("scroll", scrollY));
  };

  head();
  figures();
  tenet.listSignals(tenet.signals, running ? "Nothing so far." : "Nothing.");
  tenet.curves();
  tenet.maps();
  tenet.samples();
  if (!document.querySelector("#curves .card")) document.getElementById("curves").classList.add("hidden");
  document.body.classList.add("drawn");
  restore();
  follow();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => tenet.redraws.forEach((redraw) => redraw()));
  requestAnimationFrame(() => setTimeout(tenet.checkDrawn, 400));
})();
