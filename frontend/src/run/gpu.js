/** Which WebGPU adapter the browser offers: "hardware", "software", or "none". */
export async function adapter() {
  const found = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!found) return "none";
  const info = found.info ?? {};
  const software = info.isFallbackAdapter ?? found.isFallbackAdapter;
  return software || info.architecture === "swiftshader" ? "software" : "hardware";
}
