// Tables that sort and filter, and the learning-rate explorer. Nothing is fetched: what is shown stands in the page.
"use strict";

// Tables

// The first number of a cell, so that "0.91 [0.90, 0.92]" sorts by its mean; what has none comes last either way.
function number(text) {
  const found = text.replace(/,/g, "").match(/[-−]?\d+(\.\d+)?(e[-+]?\d+)?/i);
  if (!found) return NaN;
  const sign = text.trim().startsWith("<") ? -1e-12 : 0;
  return parseFloat(found[0].replace("−", "-")) + sign;
}

function sort(table, column, descending) {
  const rows = [...table.tBodies[0].rows];
  const cells = rows.map((row) => row.cells[column].textContent.trim());
  const numeric = table.tHead.rows[0].cells[column].classList.contains("number");
  const keys = cells.map((text) => (numeric ? number(text) : text.toLowerCase()));
  const order = rows.map((_, i) => i).sort((a, b) => {
    if (numeric) {
      if (isNaN(keys[a]) || isNaN(keys[b])) return isNaN(keys[a]) - isNaN(keys[b]) || a - b;
      return (descending ? keys[b] - keys[a] : keys[a] - keys[b]) || a - b;
    }
    return (descending ? keys[b].localeCompare(keys[a]) : keys[a].localeCompare(keys[b])) || a - b;
  });
  table.tBodies[0].append(...order.map((i) => rows[i]));
  [...table.tHead.rows[0].cells].forEach((head) => head.removeAttribute("aria-sort"));
  table.tHead.rows[0].cells[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
}

for (const box of document.querySelectorAll("div.table")) {
  const table = box.querySelector("table"), count = box.querySelector(".count");
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () =>
      sort(table, column, head.getAttribute("aria-sort") === "ascending"));
  });
  box.querySelector("input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
  });
}

// A picture stands in the page once: its download is what is shown.
for (const link of document.querySelectorAll("a.shown")) link.href = link.closest("section").querySelector("img").src;

// The explorer

const CHOSEN = "chosen by each";
const LAYOUT = {
  margin: { l: 60, r: 10, t: 34, b: 45 }, hovermode: "closest", font: { size: 12 },
  legend: { orientation: "h", y: -0.22 }, plot_bgcolor: "#fff",
};
const OPTIONS = { responsive: true, displayModeBar: false };

function title(text) {
  return { text, font: { size: 13 }, x: 0.01, xanchor: "left" };
}

function fill(select, values) {
  const before = select.value;
  select.replaceChildren(...values.map((value) => new Option(value, value)));
  if (values.includes(before)) select.value = before;
}

function axis(title, measure, values) {
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known), high = Math.max(...known);
  const logarithmic = !measure.share && measure.better === "lower" && low > 0 && high > 10 * low;
  return { title: { text: title }, type: logarithmic ? "log" : "linear", gridcolor: "#e4e4e4", zeroline: false };
}

function explore(section, tasks) {
  const form = section.querySelector("form"), get = (name) => form.elements[name];
  const [left, right] = [section.querySelector(".rates"), section.querySelector(".training")];
  let task = null;

  function trace(curve, measure, x, at, extra) {
    const [mean, low, high] = curve.values[measure.name];
    const value = at(mean), ends = [at(low), at(high)];
    return {
      x, y: value, name: curve.method, mode: "lines+markers", connectgaps: false,
      line: { color: curve.colour, dash: curve.dash, width: 1.6 }, marker: { color: curve.colour, size: 5 },
      error_y: {
        type: "data", symmetric: false, thickness: 1, width: 2, color: curve.colour,
        array: value.map((y, i) => (ends[1][i] === null || y === null ? 0 : ends[1][i] - y)),
        arrayminus: value.map((y, i) => (ends[0][i] === null || y === null ? 0 : y - ends[0][i])),
      },
      customdata: value.map((_, i) => [ends[0][i] ?? "–", ends[1][i] ?? "–", curve.seeds, curve.parameters]),
      hovertemplate: `<b>%{fullData.name}</b><br>%{x}: %{y:.4g} [%{customdata[0]}, %{customdata[1]}]` +
        "<br>%{customdata[2]} seeds<br>%{customdata[3]}<extra></extra>",
      ...extra,
    };
  }

  function draw() {
    const measure = task.measures.find((one) => one.title === get("measure").value);
    const step = Number(get("step").value), rate = get("rate").value;
    const curves = task.curves.filter((curve) =>
      curve.optimizer === get("optimizer").value && measure.name in curve.values);
    form.querySelector("output").textContent = task.steps[step].toLocaleString("en");
    const byRate = curves.map((curve) => trace(curve, measure, curve.rates, (of) => of.map((row) => row[step]), {
      marker: {
        color: curve.rates.map((_, i) => (i === curve.chosen ? "#fff" : curve.colour)),
        line: { color: curve.colour, width: curve.rates.map((_, i) => (i === curve.chosen ? 2 : 0)) },
        size: curve.rates.map((_, i) => (i === curve.chosen ? 10 : 5)),
      },
    }));
    const over = [];
    for (const curve of curves) {
      const at = rate === CHOSEN ? curve.chosen : curve.rates.indexOf(Number(rate));
      if (at >= 0) over.push(trace(curve, measure, task.steps, (of) => of[at], {}));
    }
    const values = (traces) => traces.flatMap((one) => one.y);
    Plotly.react(left, byRate, {
      ...LAYOUT, title: title(`at step ${task.steps[step]}`),
      xaxis: { title: { text: "learning rate" }, type: "log", gridcolor: "#e4e4e4" },
      yaxis: axis(measure.title, measure, values(byRate)),
    }, OPTIONS);
    Plotly.react(right, over, {
      ...LAYOUT, title: title(rate === CHOSEN ? "at the rate that each chose" : `at rate ${rate}`),
      xaxis: { title: { text: "step (updates)" }, gridcolor: "#e4e4e4", zeroline: false },
      yaxis: axis(measure.title, measure, values(over)),
    }, OPTIONS);
  }

  function choose() {
    const other = tasks.find((one) => one.task === get("task").value);
    const last = task === null || Number(get("step").value) === task.steps.length - 1;
    const changed = other !== task;
    task = other;
    fill(get("optimizer"), [...new Set(task.curves.map((curve) => curve.optimizer))]);
    fill(get("measure"), task.measures.map((measure) => measure.title));
    const own = task.curves.filter((curve) => curve.optimizer === get("optimizer").value);
    const rates = [...new Set(own.flatMap((curve) => curve.rates))].sort((a, b) => a - b);
    fill(get("rate"), [CHOSEN, ...rates.map(String)]);
    get("step").max = task.steps.length - 1;
    if (changed && last) get("step").value = task.steps.length - 1;
    draw();
  }

  fill(get("task"), tasks.map((one) => one.task));
  for (const event of ["input", "change"]) form.addEventListener(event, choose);
  form.addEventListener("submit", (event) => event.preventDefault());
  choose();
}

const CURVES = JSON.parse(document.getElementById("curves").textContent);
for (const section of document.querySelectorAll(".explorer")) explore(section, CURVES[section.dataset.plan]);
