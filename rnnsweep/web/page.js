"use strict";
// The page asks for the study's state every two seconds while it is visible, and draws what has changed.

const EVERY = 2000, COLORS = 8, WIDTH = 800, HEIGHT = 360, MARGIN = {left: 60, right: 12, top: 10, bottom: 42};
const COLOR_OF = new Map(); // of each setting; a setting keeps its colour while the page is open

const place = id => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children); // texts stay texts: nothing of a study is read as HTML
  return made;
}

function drawn(name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function part(state) {
  const bar = element("div", {class: "bar"});
  for (const [name, count] of Object.entries(state.counts))
    if (name !== "to do") {
      const piece = element("i", {class: name === "at the rung" ? "waiting" : name, title: `${count} ${name}`});
      piece.style.width = `${100 * count / Math.max(1, state.total)}%`;
      bar.append(piece);
    }
  const counts = Object.entries(state.counts).filter(([, count]) => count).map(([name, count]) => `${count} ${name}`);
  const left = state.seconds_left === null || state.done === state.total ? [] : [`about ${duration(state.seconds_left)} left`];
  const said = [`${state.title}: ${state.done} of ${state.total}`, ...counts, ...left].join(" · ");
  return element("div", {}, element("p", {}, said), bar);
}

function color(label) {
  if (!COLOR_OF.has(label)) COLOR_OF.set(label, `var(--c${COLOR_OF.size % COLORS})`);
  return COLOR_OF.get(label);
}

function ticks(low, high, count) {
  const raw = (high - low) / count || 1, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map(each => each * power).find(each => each >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

// Losses of the first validations are far above the rest: the axis ends at the highest of the second half of each curve,
// and what lies above it is cut off, which the note says.
function span(lines) {
  const steps = lines.flatMap(line => line.points.map(point => point[0]));
  const losses = lines.flatMap(line => line.points.map(point => point[1]));
  const late = lines.flatMap(line => line.points.slice(Math.floor(line.points.length / 2)).map(point => point[1]));
  const low = Math.min(...losses), high = Math.max(...late);
  const room = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
  return {steps: [Math.min(0, ...steps), Math.max(...steps)], losses: [low - room, high + room], cut: Math.max(...losses) > high + room};
}

function plot(lines) {
  const {steps, losses, cut} = span(lines);
  const x = step => MARGIN.left + (step - steps[0]) / (steps[1] - steps[0] || 1) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = loss => MARGIN.top + (losses[1] - loss) / (losses[1] - losses[0]) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const bottom = HEIGHT - MARGIN.bottom;
  const svg = drawn("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img"});
  svg.append(drawn("title", {}, "Validation loss against the training step, a line for each run"));
  for (const at of ticks(...losses, 5)) {
    svg.append(drawn("line", {class: "axis", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(at), y2: y(at)}));
    svg.append(drawn("text", {x: MARGIN.left - 8, y: y(at) + 4, "text-anchor": "end"}, String(at)));
  }
  for (const at of ticks(...steps, 6)) svg.append(drawn("text", {x: x(at), y: bottom + 18, "text-anchor": "middle"}, String(at)));
  svg.append(drawn("text", {x: (MARGIN.left + WIDTH) / 2, y: HEIGHT - 6, "text-anchor": "middle"}, "step"));
  const frame = drawn("clipPath", {id: "frame"});
  frame.append(drawn("rect", {x: MARGIN.left, y: MARGIN.top, width: WIDTH - MARGIN.left - MARGIN.right, height: bottom - MARGIN.top}));
  const inside = drawn("g", {"clip-path": "url(#frame)"});
  for (const line of lines) inside.append(...curve(line, x, y));
  svg.append(frame, inside);
  return {svg, cut};
}

function curve(line, x, y) {
  const stroke = color(line.label), points = line.points.map(([step, loss]) => `${x(step)},${y(loss)}`).join(" ");
  const path = drawn("polyline", {points, class: line.live ? "live" : ""});
  path.style.stroke = stroke;
  path.append(drawn("title", {}, `${line.label} (${line.run})`));
  if (line.points.length > 1) return [path];
  const dot = drawn("circle", {cx: x(line.points[0][0]), cy: y(line.points[0][1]), r: 3});
  dot.style.fill = stroke;
  return [dot];
}

function curves(state) {
  const lines = state.curves;
  if (!lines.length) {
    place("which").textContent = "No run has been validated yet.";
    place("plot").replaceChildren();
    place("legend").replaceChildren();
    return;
  }
  const {svg, cut} = plot(lines);
  const which = lines.length < state.runs ? `${lines.length} of ${state.runs} runs: those in training, then the best. ` : "";
  place("which").textContent = `${which}Thick lines are still in training.${cut ? " High first losses are cut off." : ""}`;
  place("plot").replaceChildren(svg);
  const labels = [...new Set(lines.map(line => line.label))];
  const named = labels.length <= COLORS ? labels.map(label => {
    const mark = element("i");
    mark.style.background = color(label);
    return element("li", {}, mark, label);
  }) : [element("li", {class: "note"}, `${labels.length} settings share ${COLORS} colours; point at a line to see its name.`)];
  place("legend").replaceChildren(...named);
}

function board(state) {
  const head = ["setting", `mean ${state.metric}`, "lowest to highest", "runs"];
  const cells = row => [row.setting, row.mean, row.range, String(row.runs)];
  const row = (kind, texts) => element("tr", {}, ...texts.map((text, i) => element(kind, i ? {class: "number"} : {}, text)));
  const table = element("table", {}, element("thead", {}, row("th", head)), element("tbody", {}, ...state.rows.map(each => row("td", cells(each)))));
  const shown = state.rows.length < state.settings ? ` · the best ${state.rows.length} of ${state.settings} settings` : "";
  return element("div", {class: "scroll"}, element("p", {class: "note"}, `${state.task}${shown}`), table);
}

function failure(state) {
  const which = state.runs === 1 ? state.run : `${state.runs} runs such as ${state.run}`;
  return element("li", {}, `${which}: ${state.error}`, element("code", {}, state.rerun));
}

function show(state) {
  document.title = `${state.study}: ${state.parts.map(each => `${each.done}/${each.total}`).join(" ")}`;
  place("study").textContent = state.study;
  place("parts").replaceChildren(...state.parts.map(part));
  const workers = state.workers.length ? state.workers : ["No worker is running."];
  place("workers").replaceChildren(...workers.map(text => element("li", {}, text)));
  curves(state);
  place("boards").replaceChildren(...(state.boards.length ? state.boards.map(board) : [element("p", {class: "note"}, "No run is complete yet.")]));
  place("failed").hidden = !state.failures.length;
  place("failures").replaceChildren(...state.failures.map(failure));
}

function say(text, lost) {
  place("news").textContent = text;
  place("news").classList.toggle("lost", lost);
}

async function look() {
  try {
    const state = await (await fetch("/state")).json();
    if (state.error) say(state.error, true);
    else {
      show(state);
      say(`As of ${new Date(1000 * state.time).toLocaleTimeString()}. Settings are ranked by validation; the report judges them.`, false);
    }
  } catch (error) {
    say("The view has ended; what is shown may be old. Start rnnsweep.status --web again.", true);
  }
}

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, EVERY);
}

document.addEventListener("visibilitychange", () => document.hidden || look());
watch();
