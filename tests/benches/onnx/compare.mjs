// One forward pass of the same network on the same images, by our worker and by onnxruntime-web, in turns.

import * as ort from "./ort/dist/ort.all.bundle.min.mjs";

/** A worker of ours with the network, and images of which it classifies some. */
async function ours(name, images) {
  const { folder } = await (await fetch("./page/workers.json")).json();
  const worker = new Worker(`./page/${folder}/${name}_loader.js`, { type: "module" });
  const answers = [];
  let wake = () => {};
  worker.onmessage = ({ data }) => {
    answers.push({ event: JSON.parse(data.text), parts: data.parts });
    wake();
  };
  const until = async (tell) => {
    for (;;) {
      const at = answers.findIndex(({ event }) => event === tell || tell in Object(event) || event.failed || event.lost);
      if (at >= 0) {
        const [found] = answers.splice(at, 1);
        const wrong = found.event.failed ?? found.event.lost;
        if (wrong) throw new Error(wrong.problem);
        return found;
      }
      await new Promise((resolve) => (wake = resolve));
    }
  };
  const ask = (request, parts = []) => worker.postMessage({ text: JSON.stringify(request), parts });
  await until("ready");
  ask({ shapes: { train: 200, test: images, seed: 0 } });
  await until("done");
  const checkpoint = await (await fetch("./page/gallery/resnet8-shapes10.safetensors")).arrayBuffer();
  ask({ open: { name: "resnet8", architecture: null } }, [{ name: "resnet8", data: checkpoint }]);
  const { event: opened } = await until("model");
  await until("done");
  return async () => {
    ask({ predict: { model: opened.model.hash, images, seed: 0 } });
    const { event, parts } = await until("predictions");
    await until("done");
    return { logits: event.predictions.predictions.dense.flat(), pixels: new Uint8Array(parts[0]) };
  };
}

/** onnxruntime-web on the images that our worker classified. */
async function theirs(provider, images, pixels, normalization) {
  ort.env.wasm.wasmPaths = new URL("./ort/dist/", import.meta.url).href;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create("./resnet8.onnx", { executionProviders: [provider] });
  const values = Float32Array.from(pixels, (pixel, at) => {
    const colour = Math.floor(at / 1024) % 3;
    return (pixel / 255 - normalization.mean[colour]) / normalization.std[colour];
  });
  return async () => {
    const tensor = new ort.Tensor("float32", values, [images, 3, 32, 32]);
    return (await session.run({ images: tensor })).logits.data;
  };
}

async function normalization() {
  const bytes = await (await fetch("./page/gallery/resnet8-shapes10.safetensors")).arrayBuffer();
  const length = Number(new DataView(bytes).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 8, length)));
  return JSON.parse(header.__metadata__["rrlab.model"]).normalization;
}

const median = (times) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)];

/** Medians of both, in milliseconds, and the largest difference between their logits. */
export async function compare(worker, provider, images, rounds) {
  const our = await ours(worker, images);
  const { logits, pixels } = await our();
  const their = await theirs(provider, images, pixels, await normalization());
  const reference = await their();
  const difference = Math.max(...logits.map((logit, at) => Math.abs(logit - reference[at])));
  const times = { ours: [], theirs: [] };
  for (let round = 0; round < rounds; round++) {
    for (const [who, run] of [["ours", our], ["theirs", their]]) {
      const started = performance.now();
      await run();
      times[who].push(performance.now() - started);
    }
  }
  return { ours: median(times.ours), theirs: median(times.theirs), difference };
}
