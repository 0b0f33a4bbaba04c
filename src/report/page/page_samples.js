/* page_samples.js: what the network makes of a few fixed samples, as it trains: pictures, rows of numbers or text, and the prediction at each moment. */
"use strict";
tenet.samples = (() => {
  const { run } = tenet, { make, figure, count, percent } = tenet;
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  const picture = (sample, shape) => {
    const [height, width, channels] = shape, canvas = make("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d"), image = context.createImageData(width, height);
    const light = (i) => Math.round(LETTERS.indexOf(sample.pixels[i]) * 255 / 63);
    for (let i = 0; i < width * height; i += 1) {
      for (let channel = 0; channel < 3; channel += 1) image.data[4 * i + channel] = light(i * channels + (channels === 3 ? channel : 0));
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "The sample as the network sees it, " + height + " by " + width);
    return canvas;
  };

  /* Classes: a row a class, a column a moment. The label's row is framed. */
  const classMap = (sample, shown, rows) => {
    const canvas = make("canvas"), place = make("div", "chart", canvas), line = Math.max(4, Math.min(9, Math.floor(100 / rows)));
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Share of each class over " + count(shown.steps.length) + " moments");
    tenet.whenSeen(place, rows * line, (width) => tenet.canvas(canvas, width, rows * line, (context) => {
      const cell = width / shown.steps.length;
      sample.shares.forEach((shares, i) => shares.forEach((value, y) => {
        if (!(value > 0.01)) return;
        context.fillStyle = tenet.sequential(0.08 + 0.92 * value);
        context.fillRect(i * cell, y * line, cell + 0.5, line);
      }));
      if (sample.label < rows) {
        context.strokeStyle = tenet.colour("line-2");
        context.lineWidth = 1.5;
        context.strokeRect(0.75, sample.label * line, width - 1.5, line);
      }
    }));
    tenet.pictures.push({ name: "samples", canvas: () => (canvas.style.width ? canvas : null) });
    return place;
  };

  /* Numbers: the first target as a line, the prediction as another. */
  const numberLine = (sample, shown) => {
    const canvas = make("canvas"), place = make("div", "chart", canvas), values = sample.values.map((one) => one[0]), target = sample.label[0];
    const known = [...values, target].filter((value) => value != null), low = Math.min(...known), high = Math.max(...known), span = high - low || 1;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Prediction " + figure(values[0]) + " to " + figure(values[values.length - 1]) + ", target " + figure(target));
    tenet.whenSeen(place, 64, (width) => tenet.canvas(canvas, width, 64, (context, _, height) => {
      const y = (value) => 4 + (height - 8) * (1 - (value - low) / span), x = (i) => 3 + (width - 6) * (values.length > 1 ? i / (values.length - 1) : 0.5);
      context.strokeStyle = tenet.colour("line-2");
      context.setLineDash([6, 3]);
      context.beginPath();
      context.moveTo(0, y(target));
      context.lineTo(width, y(target));
      context.stroke();
      context.setLineDash([]);
      context.strokeStyle = tenet.colour("line-1");
      context.fillStyle = tenet.colour("line-1");
      context.lineWidth = 1.6;
      context.beginPath();
      let pen = false;
      values.forEach((value, i) => {
        if (value == null) { pen = false; return; }
        if (pen) context.lineTo(x(i), y(value));
        else context.moveTo(x(i), y(value));
        pen = true;
      });
      context.stroke();
      values.forEach((value, i) => { if (value != null) context.fillRect(x(i) - 1.5, y(value) - 1.5, 3, 3); });
    }));
    tenet.pictures.push({ name: "samples", canvas: () => (canvas.style.width ? canvas : null) });
    return place;
  };

  const answer = (sample, shown, i) => {
    if (!shown.classes) return figure(sample.values[i][0]) + (sample.values[i].length > 1 ? " ..." : "");
    return count(sample.best[i]) + " (" + percent(sample.best_share[i]) + ")";
  };

  const tile = (sample, shown) => {
    const last = shown.steps.length - 1, made = make("div", "made");
    const label = Array.isArray(sample.label) ? sample.label.map((value) => figure(value)).join(" ") : count(sample.label);
    made.append(make("h3", "", "row " + count(sample.row) + ", " + (shown.classes ? "class " : "target ") + label));
    const right = shown.classes ? sample.best[last] === sample.label : null;
    made.append(make("p", "said", make("span", right == null ? "" : right ? "right" : "wrong", (right == null ? "" : right ? "✓ " : "✗ ") + "now " + answer(sample, shown, last)),
      ", at first " + answer(sample, shown, 0) + (sample.loss[last] == null ? "" : ", loss " + figure(sample.loss[last]))));
    if (shown.classes && sample.shares) made.append(classMap(sample, shown, sample.shares[0].length));
    else if (!shown.classes) made.append(numberLine(sample, shown));
    if (sample.text != null) made.prepend(make("p", "text", sample.text));
    else if (sample.inputs) made.append(make("p", "said", "inputs " + sample.inputs.map((value) => figure(value)).join(" ") + (shown.input_size > sample.inputs.length ? " ..." : "")));
    return make("div", "card sample", sample.pixels ? make("div", "seen", picture(sample, shown.shape)) : null, made);
  };

  return () => {
    const { shown } = run, section = document.getElementById("samples"), content = tenet.content("samples");
    if (!shown || !shown.items.length) {
      section.classList.add("hidden");
      return;
    }
    const steps = shown.steps, when = count(steps.length) + " moments from step " + count(steps[0]) + " to " + count(steps[steps.length - 1]);
    const words = shown.classes
      ? "Training samples, the same all along. A row for each class from 0 down, a column for each of " + when + "; dark is certain, and the true class is framed."
      : "Training samples, the same all along, at " + when + ": the prediction as a line, the target dashed.";
    content.append(make("p", "said", words.replace("dark is certain", tenet.dark() ? "light is certain" : "dark is certain")));
    if (shown.note) content.append(make("p", "note", shown.note));
    content.append(make("div", "tiles", ...shown.items.map((sample) => tile(sample, shown))));
    content.append(tenet.numbers("samples", ["row", shown.classes ? "class" : "target", ...steps.map((step) => "step " + count(step))], shown.items.map((sample) => [
      count(sample.row), Array.isArray(sample.label) ? figure(sample.label[0]) : count(sample.label), ...steps.map((_, i) => answer(sample, shown, i))])));
  };
})();
