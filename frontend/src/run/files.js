/** Every file that was dropped, folders walked through: `[{ name, file }]`, names with their path. */
export async function dropped(transfer) {
  // The list of items is only there until the event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [];
  const walk = async (entry) => {
    if (entry.isFile) {
      files.push({ name: entry.fullPath.slice(1), file: await new Promise((take, fail) => entry.file(take, fail)) });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((take, fail) => reader.readEntries(take, fail));
      if (!some.length) return;
      for (const child of some) await walk(child);
    }
  };
  for (const entry of entries) await walk(entry);
  return files;
}

/** Paints one of several images, given as three planes each, on a canvas. */
export function paint(canvas, planes, index) {
  const { width, height } = canvas;
  const area = width * height;
  const bytes = new Uint8Array(planes, index * 3 * area, 3 * area);
  const image = new ImageData(width, height);
  for (let at = 0; at < area; at++) {
    image.data.set([bytes[at], bytes[area + at], bytes[2 * area + at], 255], 4 * at);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
