// Files that the page saves.

/** A drawing of the page as SVG text on white: whole, with the style that it needs. */
export function drawing(element, style, width, height, description) {
  const copy = element.cloneNode(true);
  copy.setAttribute("viewBox", `0 0 ${width} ${height}`);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  const make = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);
  const rules = make("style");
  rules.textContent = style;
  const ground = make("rect");
  for (const [name, value] of Object.entries({ width, height, fill: "#ffffff" })) ground.setAttribute(name, value);
  copy.prepend(rules, ground);
  return described(new XMLSerializer().serializeToString(copy), description);
}

/** The SVG text with a description of itself. */
export function described(text, description) {
  const parsed = new DOMParser().parseFromString(text, "image/svg+xml");
  const note = parsed.createElementNS("http://www.w3.org/2000/svg", "desc");
  note.textContent = description;
  parsed.documentElement.prepend(note);
  return new XMLSerializer().serializeToString(parsed);
}

/** Hands a text to the person as a file. */
export function save(name, text, type) {
  saveBlob(name, new Blob([text], { type }));
}

/** Hands a drawing to the person as a PNG, at twice its size. */
export async function savePng(name, svgText) {
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svgText], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = 2 * image.width;
  canvas.height = 2 * image.height;
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  context.drawImage(image, 0, 0);
  URL.revokeObjectURL(image.src);
  saveBlob(name, await new Promise((done) => canvas.toBlob(done, "image/png")));
}

/** Hands bytes to the person as a file. */
export function saveBlob(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
