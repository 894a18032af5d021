// The lab's charts, drawn by ECharts from a `ChartSpec` (see spec.rs).

let library;
/** How often it could not be fetched. A browser may remember that of an address. */
let failures = 0;
const charts = new WeakMap();

/** Fetched when the first chart is drawn, and again where it could not be. */
function echarts() {
  const again = failures ? `?again=${failures}` : "";
  library ??= import(new URL(`vendor/echarts.js${again}`, document.baseURI).href).catch(() => {
    failures += 1;
    library = undefined;
    throw new Error("the code that draws charts could not be fetched");
  });
  return library;
}

// Okabe and Ito's colours, told apart with any colour vision; on dark ground the darkest is lightened.
const PALETTE = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a7a00", "#7570b3"];
/** Texts, marks and lines on the page, and in a figure, whose font `figure.js` brings. */
const SCREEN = { family: "system-ui, sans-serif", size: 12, small: 11, mark: 9, line: 2 };
const PAPER = { family: "'Open Sans'", size: 10.5, small: 9, mark: 6.5, line: 1.4 };
/** Height between the axes in a figure, in a column and in a wider one. */
const [COLUMN_PLOT, PAGE_PLOT, COLUMN_WIDTH] = [160, 240, 400];
/** An entry of a legend: its line, the distance to its name, and to the next one. */
const ENTRY = { line: 18, name: 5, next: 10, height: 15 };
const LEGEND = { top: 0, left: 0, padding: 2, itemWidth: ENTRY.line, itemHeight: 8, itemGap: ENTRY.next };
/** Lines of a legend on the page beyond which it is leafed through. */
const MOST_LEGEND_LINES = 4;
/** Room that a name under a chart needs. */
const LEAST_NAME_PIXELS = 16;
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "roundRect", "arrow", "pin"];

function theme(element) {
  const style = getComputedStyle(element);
  const probe = (name) => {
    const span = document.createElement("span");
    span.style.color = `var(${name})`;
    element.append(span);
    const colour = getComputedStyle(span).color;
    span.remove();
    return colour;
  };
  return { ink: style.color, faint: probe("--faint"), line: probe("--line"), ground: probe("--panel") };
}

/** Equal steps towards 1 look equally far: 0.9, 0.99 and 0.999 are evenly spaced. */
const along = (axis, value) => (axis.scale === "sparsity" ? -Math.log10(1 - value) : value);
const back = (axis, value) => (axis.scale === "sparsity" ? 1 - 10 ** -value : value);

const fullName = (series) => `${series.name} ${series.note}`.trim();

function number(axis, value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (axis.scale === "percent") return `${(100 * value).toFixed(1)} %`;
  if (axis.scale === "sparsity") return String(Number(value.toFixed(4)));
  return String(Number(value.toPrecision(3)));
}

function axis(spec, colours, position, width, font) {
  const base = {
    name: spec.title,
    nameLocation: "middle",
    nameGap: position === "x" ? 2.3 * font.size : 3.8 * font.size,
    nameTextStyle: { color: colours.faint, fontSize: font.size },
    axisLine: { show: true, lineStyle: { color: colours.faint } },
    axisLabel: { color: colours.faint, hideOverlap: true, fontSize: font.size },
    splitLine: { lineStyle: { color: colours.line } },
  };
  if (spec.scale === "category") {
    // Every name where there is room for a line of each; else as many as fit.
    const interval = width / spec.categories.length >= LEAST_NAME_PIXELS ? 0 : "auto";
    const axisLabel = { ...base.axisLabel, interval, rotate: 60, fontSize: font.small, hideOverlap: false };
    return { ...base, type: "category", data: spec.categories, name: "", axisLabel, splitLine: { show: false } };
  }
  const values = spec.ticks.map((tick) => along(spec, tick));
  const custom = values.length ? { customValues: values } : {};
  return {
    ...base,
    type: "value",
    min: spec.min === null ? undefined : along(spec, spec.min),
    max: spec.max === null ? undefined : along(spec, spec.max),
    axisTick: { ...custom, lineStyle: { color: colours.faint } },
    axisLabel: { ...base.axisLabel, ...custom, formatter: (value) => number(spec, back(spec, value)) },
  };
}

const colourOf = (series, index) => series.look?.colour ?? PALETTE[index % PALETTE.length];

function seriesOption(spec, series, index, colours, font) {
  const colour = colourOf(series, index);
  const bar = (y, place) => (series.bar_colours.length ? { value: y, itemStyle: { color: series.bar_colours[place] } } : y);
  const points = series.points.map(([x, y], place) =>
    spec.x.scale === "category" ? bar(y, place) : [along(spec.x, x), y]);
  const common = { name: series.name, data: points, itemStyle: { color: colour } };
  if (series.kind === "bar") {
    return { ...common, type: "bar", barGap: "10%", itemStyle: { color: colour, borderColor: colours.ink, borderWidth: series.dashed ? 1 : 0, borderType: "dashed" } };
  }
  return {
    ...common,
    type: "line",
    symbol: series.look ? `path://${series.look.outline}` : SYMBOLS[index % SYMBOLS.length],
    symbolKeepAspect: true,
    symbolSize: series.points.length > 20 ? 0 : series.look ? font.mark : 0.8 * font.mark,
    showSymbol: series.points.length <= 20,
    lineStyle: { width: font.line, type: series.dashed ? [5, 4] : "solid", color: colour },
    emphasis: { focus: "series" },
  };
}

/** A band of a series' errors around its line; hidden and shown with it, as both have one name. */
function bandOption(spec, series, index) {
  const edge = (sign) => series.points.map(([x, y], place) => [along(spec.x, x), y + sign * series.errors[place]]);
  const outline = [...edge(1), ...edge(-1).reverse()];
  return {
    name: series.name,
    type: "custom",
    silent: true,
    z: 1,
    data: series.points.map(([x, y]) => [along(spec.x, x), y]),
    renderItem: (params, api) =>
      params.dataIndex === 0 && {
        type: "polygon",
        shape: { points: outline.map((point) => api.coord(point)) },
        style: { fill: colourOf(series, index), opacity: 0.14 },
      },
    clip: true,
  };
}

function tooltip(spec, colours) {
  return {
    trigger: "axis",
    confine: true,
    backgroundColor: colours.ground,
    borderColor: colours.line,
    textStyle: { color: colours.ink, fontSize: 12 },
    formatter: (items) => {
      const lines = document.createElement("div");
      const head = document.createElement("strong");
      // Bands stand behind the lines.
      items = items.filter((item) => item.seriesIndex < spec.series.length);
      const first = items[0];
      head.textContent = spec.x.scale === "category" ? first.name : `${spec.x.title} ${number(spec.x, back(spec.x, first.value[0]))}`;
      lines.append(head);
      const value = (item) => (Array.isArray(item.value) ? item.value[1] : item.value);
      for (const item of [...items].sort((a, b) => value(b) - value(a))) {
        const line = document.createElement("div");
        const dot = document.createElement("span");
        dot.className = "tooltip-dot";
        dot.style.background = item.color;
        const series = spec.series[item.seriesIndex];
        const error = series.errors[item.dataIndex];
        const within = error === undefined ? "" : ` ± ${number(spec.y, error)}`;
        line.append(dot, `${fullName(series)}: ${number(spec.y, value(item))}${within}`);
        lines.append(line);
      }
      return lines;
    },
  };
}

/** How a chart stands on the page: with its whole legend, unless that would take the chart's place. */
function onScreen(spec, width) {
  const lines = spec.legend ? legendLines(spec, width, SCREEN) : 0;
  const isWhole = lines <= MOST_LEGEND_LINES;
  const legend = { ...LEGEND, type: isWhole ? "plain" : "scroll" };
  const top = (lines ? legendHeight(isWhole ? lines : 1) : 0) + (spec.mark ? 26 : 14);
  return { still: false, font: SCREEN, legend, grid: { left: 62, right: 24, top, bottom: spec.x.scale === "category" ? 112 : 48 } };
}

/** How it stands in a figure so wide, whose height follows. */
function onPaper(spec, width) {
  const legend = spec.legend ? legendHeight(legendLines(spec, width, PAPER)) : 0;
  const top = legend + (spec.mark ? 20 : 8);
  const bottom = spec.x.scale === "category" ? 92 : 38;
  const plot = width < COLUMN_WIDTH ? COLUMN_PLOT : PAGE_PLOT;
  return {
    still: true,
    font: PAPER,
    legend: { ...LEGEND, type: "plain" },
    grid: { left: 54, right: 12, top, bottom },
    height: top + plot + bottom,
  };
}

/** Lines of a legend, whose entries fill one after the other. */
function legendLines(spec, width, font) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `${font.size}px ${font.family}`;
  let [lines, used] = [1, 0];
  for (const name of new Set(spec.series.map((series) => series.name))) {
    const entry = ENTRY.line + ENTRY.name + context.measureText(name).width;
    if (used > 0 && used + ENTRY.next + entry > width - 4) [lines, used] = [lines + 1, 0];
    used += (used > 0 ? ENTRY.next : 0) + entry;
  }
  return lines;
}

const legendHeight = (lines) => lines * (ENTRY.height + ENTRY.next) - ENTRY.next + 6;

function option(spec, colours, width, standing) {
  const { still, font, legend, grid } = standing;
  const series = spec.series.map((one, index) => seriesOption(spec, one, index, colours, font));
  const bands = spec.series.flatMap((one, index) => (one.errors.length ? [bandOption(spec, one, index)] : []));
  if (series.length && spec.shade) {
    series[0].markArea = {
      silent: true,
      itemStyle: { color: colours.faint, opacity: 0.16 },
      label: { color: colours.faint, position: "insideTop", fontSize: font.size },
      data: [[{ name: spec.shade.label, xAxis: along(spec.x, spec.shade.from) }, { xAxis: along(spec.x, spec.shade.to) }]],
    };
  }
  if (series.length && spec.mark) {
    series[0].markLine = {
      silent: true,
      symbol: "none",
      lineStyle: { color: colours.ink, type: "dotted", width: 1.5 },
      label: { color: colours.ink, formatter: spec.mark.label, position: "end", fontSize: font.size },
      // Rounded, it would stand beside the points.
      precision: 8,
      data: [{ xAxis: along(spec.x, spec.mark.at) }],
    };
  }
  return {
    animation: !still && !matchMedia("(prefers-reduced-motion: reduce)").matches && spec.series.length < 20,
    animationDuration: 200,
    backgroundColor: still ? colours.ground : "transparent",
    textStyle: { fontFamily: font.family, fontSize: font.size },
    grid,
    legend: spec.legend
      ? { ...legend, textStyle: { color: colours.ink, fontSize: font.size }, pageTextStyle: { color: colours.ink } }
      : { show: false },
    tooltip: still ? { show: false } : tooltip(spec, colours),
    xAxis: axis(spec.x, colours, "x", width, font),
    yAxis: axis(spec.y, colours, "y", width, font),
    series: [...series, ...bands],
  };
}

/** Draws a spec (JSON) in an element, or draws it anew there. */
export async function draw(element, json) {
  const spec = JSON.parse(json);
  const { init } = await echarts();
  if (!element.isConnected) return;
  let held = charts.get(element);
  if (!held) {
    const chart = init(element, null, { renderer: "svg" });
    held = { chart, at: [0, -1] };
    charts.set(element, held);
    const observer = new ResizeObserver(() => {
      if (element.isConnected) {
        chart.resize();
        // The legend may need other lines.
        if (held.width !== element.clientWidth) show(element, held);
        return;
      }
      observer.disconnect();
      chart.dispose();
    });
    observer.observe(element);
    element.addEventListener("keydown", (event) => walk(held, event));
  }
  held.spec = spec;
  show(element, held);
}

/** Draws again what an element shows, after the page's colours changed. */
export function redraw(element) {
  const held = charts.get(element);
  if (held) show(element, held);
}

function show(element, held) {
  const width = (held.width = element.clientWidth);
  const shown = option(held.spec, theme(element), width, onScreen(held.spec, width));
  held.chart.setOption(shown, { notMerge: true });
}

/** Arrow keys read the chart: left and right along a line, up and down between lines. */
function walk(held, event) {
  const shown = held.spec.series.map((series, index) => ({ series, index })).filter(({ series }) => series.points.length);
  const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step || !shown.length) return;
  event.preventDefault();
  const line = Math.min(Math.max(held.at[0] + step[0], 0), shown.length - 1);
  const { series, index } = shown[line];
  const point = Math.min(Math.max(held.at[1] + step[1], 0), series.points.length - 1);
  held.at = [line, point];
  held.chart.dispatchAction({ type: "showTip", seriesIndex: index, dataIndex: point });
  const [x, y] = series.points[point];
  const where = held.spec.x.scale === "category" ? held.spec.x.categories[point] : `${held.spec.x.title} ${number(held.spec.x, x)}`;
  const live = held.chart.getDom().parentElement?.querySelector("[aria-live]");
  if (live) live.textContent = `${fullName(series)}, ${where}: ${number(held.spec.y, y)}`;
}

/** What an element shows, as SVG text in these colours (JSON), so many pixels wide. */
export async function svg(element, width, colours) {
  const held = charts.get(element);
  if (!held) throw new Error("the chart is not drawn yet");
  const { spec } = held;
  const { init } = await echarts();
  const standing = onPaper(spec, width);
  const still = init(null, null, { renderer: "svg", ssr: true, width, height: standing.height });
  still.setOption(option(spec, JSON.parse(colours), width, standing));
  const text = still.renderToSVGString();
  still.dispose();
  return text;
}
