// Figures for papers: drawings with their fonts inside, so wide on paper, as SVG, PDF or PNG.

const FAMILY = "Open Sans";
const FACES = [
  { weight: 400, file: "OpenSans-Regular.ttf" },
  { weight: 600, file: "OpenSans-Semibold.ttf" },
];
/** Points in a millimetre. */
const POINTS = 72 / 25.4;
/** Dots of a PNG for each pixel of CSS: some 400 an inch. */
const PNG_SCALE = 4;

let faces;

/** Fetches the fonts once; what could not be fetched is tried again when it is next asked for. */
export async function loadFonts() {
  faces ??= Promise.all(FACES.map(load));
  try {
    await faces;
  } catch (error) {
    faces = undefined;
    throw error;
  }
}

async function load({ weight, file }) {
  const answer = await fetch(vendor(file));
  if (!answer.ok) throw new Error(`the font ${file} could not be fetched (${answer.status})`);
  const bytes = await answer.arrayBuffer();
  const face = await new FontFace(FAMILY, bytes, { weight: String(weight) }).load();
  document.fonts.add(face);
  return { weight, file, base64: await base64(new Blob([bytes])) };
}

const vendor = (file) => new URL(`vendor/${file}`, document.baseURI).href;

/** Bytes as base64, without the beginning of a data address. */
function base64(blob) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob);
  });
}

/** How far above the line that letters stand on their middle is, for a font of size 1: halfway between
 * ascent and descent of Open Sans. */
const MIDDLE = (1.069 - 0.293) / 2;

/** Puts a text where it is seen without what programs other than browsers read otherwise, or not at
 * all: lines through the middle of letters, and lengths that a text is pressed to. */
function settle(text, measure) {
  const size = parseFloat(text.style?.fontSize || text.getAttribute("font-size") || 12);
  if (text.getAttribute("dominant-baseline") === "central") {
    text.removeAttribute("dominant-baseline");
    text.setAttribute("y", parseFloat(text.getAttribute("y") ?? 0) + MIDDLE * size);
  }
  const room = parseFloat(text.getAttribute("textLength"));
  if (!room) return;
  text.removeAttribute("textLength");
  text.removeAttribute("lengthAdjust");
  const needed = measure(text.textContent, size);
  if (needed <= room) return;
  const x = parseFloat(text.getAttribute("x"));
  text.setAttribute("transform", `translate(${x} 0) scale(${(room / needed).toFixed(4)} 1) translate(${-x} 0)`);
}

function measurement() {
  const context = document.createElement("canvas").getContext("2d");
  return (text, size) => {
    context.font = `${size}px "${FAMILY}"`;
    return context.measureText(text).width;
  };
}

/** An SVG text so wide on paper, with its fonts and a description inside. */
export async function finished(text, millimetres, description) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const root = parsed.documentElement;
  const [width, height] = [root.getAttribute("width"), root.getAttribute("height")].map(parseFloat);
  if (!root.hasAttribute("viewBox")) root.setAttribute("viewBox", `0 0 ${width} ${height}`);
  root.setAttribute("width", `${millimetres}mm`);
  root.setAttribute("height", `${((millimetres * height) / width).toFixed(3)}mm`);
  const measure = measurement();
  for (const element of root.querySelectorAll("text")) settle(element, measure);
  const make = (name, content) => {
    const element = parsed.createElementNS("http://www.w3.org/2000/svg", name);
    element.textContent = content;
    return element;
  };
  const rule = ({ weight, base64 }) =>
    `@font-face { font-family: "${FAMILY}"; font-weight: ${weight}; src: url(data:font/ttf;base64,${base64}); }`;
  root.prepend(make("desc", description), make("style", (await faces).map(rule).join("\n")));
  return new XMLSerializer().serializeToString(parsed);
}

/** A finished drawing as a PDF of its size. */
export async function pdf(text, title, description) {
  const { jsPDF, svg2pdf } = await import(vendor("pdf.js"));
  const element = inPage(text);
  try {
    const [width, height] = size(element).map((millimetres) => millimetres * POINTS);
    const orientation = width > height ? "landscape" : "portrait";
    const page = new jsPDF({ unit: "pt", format: [width, height], orientation, putOnlyUsedFonts: true, compress: true });
    page.setProperties({ title, subject: description, creator: "Repairability Lab" });
    for (const { weight, file, base64 } of await faces) {
      page.addFileToVFS(file, base64);
      page.addFont(file, FAMILY, "normal", weight);
    }
    refuseMissing(element, page);
    await svg2pdf(element, page, { x: 0, y: 0, width, height });
    return page.output("blob");
  } finally {
    element.getRootNode().host.remove();
  }
}

/** A PDF has no other font for a letter that this one lacks. */
function refuseMissing(element, page) {
  page.setFont(FAMILY, "normal", FACES[0].weight);
  const known = page.getFont().metadata.cmap.unicode.codeMap;
  const letters = [...element.querySelectorAll("text")].flatMap((text) => [...text.textContent]);
  const missing = new Set(letters.filter((letter) => letter.trim() && !(letter.codePointAt(0) in known)));
  if (missing.size) throw new Error(`the font of PDFs has no ${[...missing].join(" ")}; save it as SVG or PNG`);
}

/** The drawing in the page, out of sight, where texts are measured: behind a shadow, so that neither its
 * rules are the page's nor the page's its. */
function inPage(text) {
  const element = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  // The page has the fonts already.
  for (const style of element.querySelectorAll("style")) {
    if (style.textContent.startsWith("@font-face")) style.remove();
  }
  const host = document.createElement("div");
  host.style.cssText = "position: fixed; left: -10000px; top: 0;";
  host.attachShadow({ mode: "open" }).append(element);
  document.body.append(host);
  return element;
}

const size = (element) => [element.getAttribute("width"), element.getAttribute("height")].map(parseFloat);

/** A finished drawing, so many pixels of CSS wide, as a PNG. */
export async function png(text, pixels) {
  const [width, height] = size(new DOMParser().parseFromString(text, "image/svg+xml").documentElement);
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(pixels * PNG_SCALE);
  canvas.height = Math.round((pixels * PNG_SCALE * height) / width);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error(`the browser paints no picture of ${canvas.width} by ${canvas.height} pixels; save it as SVG or PDF`);
  return blob;
}
