// Inputs of a model, as the page makes them: pixels of calibration images, normalized.
import { bytes, unzipped } from "./fetch.mjs";

/** Bytes before the pixels of an IDX file of images. */
const IDX_HEADER = 16;

/** The first `count` calibration images of an entry of models.json, u8 in NHWC order; fewer if there are no more. */
export async function pixels(model, count) {
  const { photos, images } = model.calibration;
  if (photos) return photoPixels(photos, model.input, count);
  const [channels, height, width] = model.input;
  const all = new Uint8Array(await unzipped(`/${images}`), IDX_HEADER);
  return all.slice(0, count * channels * height * width);
}

async function photoPixels(index, [, height, width], count) {
  const list = JSON.parse(new TextDecoder().decode(await bytes(`/${index}`))).slice(0, count);
  const all = new Uint8Array(list.length * height * width * 3);
  const canvas = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  for (const [i, { file }] of list.entries()) {
    const photo = new Blob([await bytes(new URL(file, new URL(`/${index}`, location)))]);
    const options = { resizeWidth: width, resizeHeight: height, resizeQuality: "high" };
    canvas.drawImage(await createImageBitmap(photo, options), 0, 0);
    const rgba = canvas.getImageData(0, 0, width, height).data;
    const start = i * height * width * 3;
    for (let p = 0; p < height * width; p++) all.set(rgba.subarray(4 * p, 4 * p + 3), start + 3 * p);
  }
  return all;
}

/** Pixels in NHWC order as inputs in the same order. */
export function nhwc(pixels, { normalize }) {
  return Float32Array.from(pixels, (pixel) => (pixel - normalize.mean) / normalize.std);
}

/** Pixels in NHWC order as inputs in NCHW order. */
export function nchw(pixels, model) {
  const [channels, height, width] = model.input;
  const from = nhwc(pixels, model);
  const to = new Float32Array(from.length);
  const plane = height * width;
  for (let i = 0; i < from.length; i++) {
    const [image, place, channel] = [Math.floor(i / (plane * channels)), Math.floor(i / channels) % plane, i % channels];
    to[(image * channels + channel) * plane + place] = from[i];
  }
  return to;
}
