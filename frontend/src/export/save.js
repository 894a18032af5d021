// Files that the page saves.

/** Hands a text to the person as a file. */
export function save(name, text, type) {
  saveBlob(name, new Blob([text], { type }));
}

/** Hands bytes to the person as a file. */
export function saveBlob(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
