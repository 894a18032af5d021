/** Values below and above the middle in a difference, and weights below and above 0. */
const BELOW = [62, 132, 188];
const ABOVE = [215, 118, 46];
/** Where the two sides meet. */
const PALE = [243, 241, 234];
/** Around the map that is chosen. */
const CHOSEN = [215, 118, 46, 255];

/** A colour between pale and one of the two ends; `part` is -1 to 1. */
function diverging(part) {
  const end = part < 0 ? BELOW : ABOVE;
  const far = Math.sqrt(Math.min(1, Math.abs(part)));
  return [...PALE.map((pale, at) => pale + (end[at] - pale) * far), 255];
}

/** Draws `rows` × `columns` tiles, several in a row with a line between; `colour(tile, place)` is that of a pixel. */
function tiles(canvas, count, perRow, [rows, columns], colour, chosen = -1) {
  const gap = count > 1 ? 1 : 0;
  const [tall, wide] = [rows + gap, columns + gap];
  canvas.width = perRow * wide + gap;
  canvas.height = Math.ceil(count / perRow) * tall + gap;
  const image = new ImageData(canvas.width, canvas.height);
  const put = (x, y, rgba) => image.data.set(rgba, 4 * (y * canvas.width + x));
  for (let tile = 0; tile < count; tile++) {
    const [left, top] = [(tile % perRow) * wide, Math.floor(tile / perRow) * tall];
    if (tile === chosen && gap) {
      for (let x = 0; x <= wide; x++) for (const y of [0, tall]) put(left + x, top + y, CHOSEN);
      for (let y = 0; y <= tall; y++) for (const x of [0, wide]) put(left + x, top + y, CHOSEN);
    }
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        put(left + gap + x, top + gap + y, colour(tile, y * columns + x));
      }
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Draws maps in grey, each of which begins at one of `offsets`. */
export function paintMaps(canvas, buffer, offsets, perRow, rows, columns, chosen) {
  const bytes = new Uint8Array(buffer);
  const grey = (tile, place) => {
    const level = bytes[offsets[tile] + place];
    return [level, level, level, 255];
  };
  tiles(canvas, offsets.length, perRow, [rows, columns], grey, chosen);
}

/** Draws how far the map at `to` is from that at `from`: orange above, blue below. */
export function paintDifference(canvas, buffer, from, to, rows, columns) {
  const bytes = new Uint8Array(buffer);
  const colour = (_, place) => diverging((bytes[to + place] - bytes[from + place]) / 255);
  tiles(canvas, 1, 1, [rows, columns], colour);
}

/** Draws the weights of a channel, a tile for each of its inputs; what was removed stays clear. */
export function paintWeights(canvas, buffer, at, inputs, perRow, rows, columns) {
  const bytes = new Int8Array(buffer);
  const area = rows * columns;
  const colour = (tile, place) => {
    const weight = bytes[at + tile * area + place];
    return weight === 0 ? [0, 0, 0, 0] : diverging(weight / 127);
  };
  tiles(canvas, inputs, perRow, [rows, columns], colour);
}
