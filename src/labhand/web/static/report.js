// Draws the curves of a report. What it draws stands in #data; see web/curves.py for its shape.
(() => {
  "use strict";
  const root = document.documentElement;
  const complain = (what) => { root.dataset.errors = `${root.dataset.errors || ""}${what}\n`; };
  addEventListener("error", (event) => complain(event.message));
  addEventListener("unhandledrejection", (event) => complain(event.reason));

  const data = JSON.parse(document.getElementById("data").textContent);
  const figures = [...document.querySelectorAll(".chart")];
  const charts = new Map();
  const zooms = {};
  let axis = "step";

  const token = (name) => getComputedStyle(root).getPropertyValue(name).trim();
  const tell = () => { root.dataset.charts = `${charts.size}/${figures.length}`; };

  // ---- numbers ----
  const short = (v, digits = 4) => {
    if (v === 0) return "0";
    const size = Math.abs(v);
    if (size >= 1e6 || size < 1e-4) return v.toExponential(Math.min(2, digits - 1)).replace(/\.?0+e/, "e").replace("e+", "e");
    return Number(v.toPrecision(digits)).toLocaleString("en", { maximumFractionDigits: 10 });
  };
  const scaled = (v, steps, digits) => {
    const [size, unit] = steps.find(([least]) => Math.abs(v) >= least) || steps.at(-1);
    return `${short(v / size, digits)} ${unit}`;
  };
  const UNITS = {
    bytes: (v, d) => scaled(v, [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]], d),
    percent: (v, d) => `${short(v, d)} %`,
    seconds: (v, d) => (v === 0 ? "0 s" : scaled(v, [[3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"]], d)),
    "": short,
  };
  const say = (v, unit, digits = 4) => (Number.isFinite(v) ? UNITS[unit](v, digits).replace("-", "−") : String(v).replace("-Infinity", "−∞").replace("Infinity", "∞"));
  const sayX = (x, at) => (at === "time" ? clock(x) : `step ${Math.round(x).toLocaleString("en")}`);
  const clock = (s) => {
    if (Math.abs(s) < 60) return `${short(s, 3)} s`;
    const [h, m] = [Math.floor(s / 3600), Math.floor((s % 3600) / 60)];
    const rest = h ? "" : `:${String(Math.round(s % 60)).padStart(2, "0")}`;
    return h ? `${h} h ${String(m).padStart(2, "0")}` : `${m}${rest} min`;
  };

  // ---- data ----
  const summed = (deltas, unit) => { let at = 0; return deltas.map((d) => (at += d) * unit); };
  function unfold(chart) {
    for (const line of chart.lines) {
      if (line.values) continue;
      line.step = summed(line.s, 1);
      line.time = summed(line.t, data.tick);
      line.values = line.v.map(Number);
    }
  }

  // One table for all lines of a chart. Equal x of one line stay rows of their own: a metric may
  // have many values at a step. null is a gap, undefined only means that another line has that row.
  function table(lines, at, log) {
    const rows = [];
    lines.forEach((line, i) => line[at].forEach((x, k) => rows.push([x, i + 1, line.values[k]])));
    rows.sort((a, b) => a[0] - b[0]);
    const columns = [[], ...lines.map(() => [])];
    const broken = [];
    for (const [x, i, v] of rows) {
      let end = columns[0].length - 1;
      if (end < 0 || columns[0][end] !== x || columns[i][end] !== undefined) {
        for (const column of columns) column.push(undefined);
        columns[0][(end += 1)] = x;
      }
      const drawable = Math.abs(v) < 1e30; // beyond it, as for what is not finite, there is no axis
      columns[i][end] = drawable && !(log && v <= 0) ? v : null;
      if (!drawable) broken.push([x, v]);
    }
    return { columns, broken };
  }

  // The row of a line next to the hovered one; none beyond its ends, where it has nothing to say.
  function nearest(u, i, hovered) {
    const [xs, ys] = [u.data[0], u.data[i]];
    if (i === 0 || ys[hovered] !== undefined) return hovered;
    let [l, r] = [hovered, hovered];
    while (l >= 0 && ys[l] === undefined) l -= 1;
    while (r < ys.length && ys[r] === undefined) r += 1;
    const far = (k) => (k < 0 || k >= xs.length ? Infinity : Math.abs(xs[hovered] - xs[k]));
    if (l >= 0 && r < ys.length) return far(l) <= far(r) ? l : r;
    const end = l >= 0 ? l : r;
    return far(end) <= 0.03 * (u.scales.x.max - u.scales.x.min) ? end : null;
  }

  // ---- marks: findings, attempts, values that are not finite ----
  const COLOUR = { error: "--bad", warning: "--warn", note: "--ink-3", attempt: "--ink-3" };
  function drawMarks(u, chart, at, broken) {
    const { ctx, bbox } = u;
    const ratio = devicePixelRatio;
    const [left, right, top, foot] = [bbox.left, bbox.left + bbox.width, bbox.top, bbox.top + bbox.height];
    const inside = (x) => x >= left - 1 && x <= right + 1;
    ctx.save();
    ctx.fillStyle = token("--bad");
    for (const [x] of broken) {
      const px = u.valToPos(x, "x", true);
      if (inside(px)) ctx.fillRect(px - ratio, foot - 7 * ratio, 2 * ratio, 7 * ratio);
    }
    const marks = chart.marks.map((m) => data.marks[m])
      .filter((m) => m[at] !== null)
      .map((m) => ({ ...m, px: u.valToPos(m[at], "x", true) }))
      .filter((m) => inside(m.px))
      .sort((a, b) => a.px - b.px);
    ctx.textBaseline = "middle";
    let free = left - 10 * ratio;
    marks.forEach((mark, k) => {
      const colour = token(COLOUR[mark.kind]);
      const font = (weight) => `${weight} ${10.5 * ratio}px ${token("--sans")}`;
      ctx.strokeStyle = colour;
      ctx.globalAlpha = mark.kind === "note" || mark.kind === "attempt" ? 0.45 : 0.8;
      ctx.lineWidth = ratio;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(mark.px, top - 2 * ratio);
      ctx.lineTo(mark.px, foot);
      ctx.stroke();
      ctx.globalAlpha = 1;
      ctx.setLineDash([]);
      const y = top - 11 * ratio;
      const radius = mark.number === null ? 0 : 7.5 * ratio;
      const x = Math.min(Math.max(mark.px, free + radius + 2 * ratio), right - radius);
      free = x + radius;
      if (radius) {
        ctx.fillStyle = colour;
        ctx.beginPath();
        ctx.arc(x, y, radius, 0, 2 * Math.PI);
        ctx.fill();
        ctx.fillStyle = token("--paper");
        ctx.font = font(700);
        ctx.textAlign = "center";
        ctx.fillText(mark.number, x, y + 0.5 * ratio);
      }
      ctx.font = font(500);
      const width = ctx.measureText(mark.label).width + 6 * ratio;
      const next = k + 1 < marks.length ? marks[k + 1].px - 10 * ratio : right + 10 * ratio;
      if (free + width > next) return;
      ctx.fillStyle = colour;
      ctx.textAlign = "left";
      ctx.fillText(mark.label, free + 4 * ratio, y + 0.5 * ratio);
      free += width;
    });
    ctx.restore();
  }

  // ---- one chart ----
  const STYLE = { now: [1.6, 100], before: [1, 45], old: [1.1, 85] };
  function lineStyle(line) {
    const colour = token(line.kind === "old" ? "--ink-4" : `--line-${line.colour}`);
    const [width, share] = STYLE[line.kind];
    return {
      scale: "y",
      stroke: `color-mix(in srgb, ${colour} ${share}%, ${token("--paper")})`,
      width,
      points: { size: 4.5, fill: colour, width: 0, ...(line.kind === "now" ? {} : { show: false }) },
    };
  }

  function readOut(figure, u, chart, at) {
    const hovering = u.cursor.left >= 0 && u.cursor.idx != null;
    const put = (output, line) => {
      output.dataset.last ??= output.textContent;
      const idx = hovering ? u.cursor.idxs[line + 1] : null;
      if (idx == null) return void (output.textContent = hovering ? "–" : output.dataset.last);
      const { [at]: xs, values } = chart.lines[line];
      output.textContent = say(u.data[line + 1][idx] ?? values[xs.indexOf(u.data[0][idx])], chart.unit);
    };
    for (const key of figure.querySelectorAll(".key")) {
      const [now, before] = key.querySelectorAll("output");
      put(now, Number(key.dataset.line));
      if (before) put(before, Number(key.dataset.before));
    }
    figure.querySelector(".at").textContent = hovering ? sayX(u.data[0][u.cursor.idx], at) : "";
  }

  function draw(figure) {
    const index = Number(figure.dataset.chart);
    const chart = data.charts[index];
    charts.get(index)?.destroy();
    unfold(chart);
    const at = chart.clock ? "time" : axis;
    const log = figure.querySelector(".log").getAttribute("aria-pressed") === "true";
    const { columns, broken: marks } = table(chart.lines, at, log);
    const plot = figure.querySelector(".plot");
    const axisStyle = { stroke: token("--ink-3"), font: `11px ${token("--sans")}`, grid: { stroke: token("--grid"), width: 1 }, ticks: { show: false }, border: { show: false } };
    const decades = (u, splits) => {
      const few = u.scales.y.max / u.scales.y.min < 40;
      return splits.map((v) => ([1, ...(few ? [2, 5] : [])].includes(Math.round(v / 10 ** Math.floor(Math.log10(v) + 1e-9))) ? v : null));
    };
    const filtered = log ? { filter: decades } : {};
    const passes = (type) => type === "mousemove" || type === "mouseleave";
    const u = new uPlot({
      width: plot.clientWidth, height: plot.clientHeight, padding: [24, 22, 0, 0], legend: { show: false },
      scales: { x: { time: false }, y: log ? { distr: 3, log: 10, range: (_, least, most) => [(least || 0.1) / 1.4, (most || 1) * 1.4] } : {} },
      series: [{}, ...chart.lines.map(lineStyle)],
      axes: [
        { ...axisStyle, size: 26, gap: 6, space: 70, grid: { show: false }, border: { show: true, stroke: token("--rule"), width: 1 }, values: (_, ticks) => ticks.map((v) => (at === "time" ? clock(v) : v.toLocaleString("en"))), incrs: at === "step" ? undefined : [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400, 172800, 604800] },
        { ...axisStyle, grid: { ...axisStyle.grid, ...filtered }, ...filtered, size: (_, values) => 14 + 6.6 * Math.max(3, ...(values || []).map((v) => (v || "").length)), gap: 6, values: (_, ticks) => ticks.map((v) => (v == null ? "" : say(v, chart.unit, log ? 1 : 6))) },
      ],
      cursor: {
        y: false, dataIdx: nearest, points: { size: 7 },
        drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => null },
        sync: { key: at, scales: ["x", null], setSeries: false, filters: { pub: passes, sub: passes } },
      },
      hooks: {
        draw: [(self) => drawMarks(self, chart, at, marks)],
        setCursor: [(self) => readOut(figure, self, chart, at)],
        setSelect: [(self) => {
          const { left, width } = self.select;
          if (width < 4) return;
          self.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          zoom(at, [self.posToVal(left, "x"), self.posToVal(left + width, "x")]);
        }],
      },
    }, columns, plot);
    u.at = at;
    u.over.addEventListener("dblclick", () => zoom(at, null));
    charts.set(index, u);
    if (zooms[at]) show(u);
    tell();
  }

  function show(u) {
    const xs = u.data[0];
    const [min, max] = zooms[u.at] || [xs[0], xs.at(-1)];
    u.setScale("x", min < max ? { min, max } : { min: min - 0.5, max: max + 0.5 });
  }
  function zoom(at, range) {
    zooms[at] = range;
    for (const u of charts.values()) if (u.at === at) show(u);
  }

  // ---- controls ----
  const redraw = () => { for (const figure of figures) if (charts.has(Number(figure.dataset.chart))) draw(figure); };
  function toggleLog(figure) {
    const button = figure.querySelector(".log");
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    draw(figure);
  }
  function onKey(event) {
    const figure = event.currentTarget;
    const u = charts.get(Number(figure.dataset.chart));
    if (!u || event.target !== figure || event.ctrlKey || event.metaKey || event.altKey) return;
    const xs = u.data[0];
    const { min, max } = u.scales.x;
    const here = u.cursor.left >= 0 ? u.cursor.idx : null;
    const widen = (factor) => {
      const middle = here === null ? (min + max) / 2 : xs[here];
      zoom(u.at, [Math.max(xs[0], middle - (middle - min) * factor), Math.min(xs.at(-1), middle + (max - middle) * factor)]);
    };
    const move = (by) => {
      const [first, last] = [xs.findIndex((x) => x >= min), xs.findLastIndex((x) => x <= max)];
      const next = Math.min(last, Math.max(first, here === null ? (by > 0 ? first : last) : here + by));
      u.setCursor({ left: u.valToPos(xs[next], "x"), top: u.over.clientHeight / 2 }, true, true);
    };
    const deeds = {
      ArrowLeft: () => move(event.shiftKey ? -10 : -1), ArrowRight: () => move(event.shiftKey ? 10 : 1),
      "+": () => widen(0.5), "=": () => widen(0.5), "-": () => widen(2), "0": () => zoom(u.at, null), Escape: () => zoom(u.at, null),
      l: () => toggleLog(figure), L: () => toggleLog(figure),
    };
    if (!deeds[event.key]) return;
    event.preventDefault();
    deeds[event.key]();
  }
  function filter(text) {
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const figure of figures) figure.hidden = !wanted.every((word) => figure.dataset.words.includes(word));
    for (const group of document.querySelectorAll(".group")) {
      group.dataset.was ??= group.open;
      const any = group.querySelector(".chart:not([hidden])") !== null;
      group.hidden = !any;
      group.open = wanted.length ? any : group.dataset.was === "true";
    }
  }

  // ---- start ----
  for (const part of document.querySelectorAll(".tools, .hint, .log")) part.hidden = false;
  document.querySelector(".numbers")?.removeAttribute("open");
  for (const radio of document.querySelectorAll("input[name=x]")) {
    radio.addEventListener("change", () => { axis = radio.value; redraw(); });
  }
  document.getElementById("filter")?.addEventListener("input", (event) => filter(event.target.value));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      if (!charts.has(Number(entry.target.dataset.chart))) draw(entry.target);
      sized.observe(entry.target.querySelector(".plot"));
    }
  }, { rootMargin: "400px" });
  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const u = charts.get(Number(target.closest(".chart").dataset.chart));
      const size = { width: target.clientWidth, height: target.clientHeight };
      if (u && size.width && (u.width !== size.width || u.height !== size.height)) u.setSize(size);
    }
  });
  for (const figure of figures) {
    figure.addEventListener("keydown", onKey);
    figure.querySelector(".log").addEventListener("click", () => toggleLog(figure));
    seen.observe(figure);
  }
  addEventListener("beforeprint", () => {
    for (const figure of figures) if (figure.closest("details").open && !charts.has(Number(figure.dataset.chart))) draw(figure);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  tell();
})();
