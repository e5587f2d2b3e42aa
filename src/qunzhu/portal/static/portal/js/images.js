// Images on their way up: made smaller on the phone, sent with progress.

import { asMe, Refused } from "./api.js";
import { t } from "./words.js";

const LONGEST_SIDE = 2048;
const SMALL_ENOUGH = 400_000;
const KEPT = new Set(["image/jpeg", "image/png", "image/webp", "image/gif"]);

/** Whether frames follow the first one: said early in the header of a WebP or PNG. */
async function moves(file) {
  const head = new Uint8Array(await file.slice(0, 256).arrayBuffer());
  const text = String.fromCharCode(...head);
  return (text.startsWith("VP8X", 12) && (head[20] & 2) !== 0) || (file.type === "image/png" && text.includes("acTL"));
}

/** The image as it is when small, else as a JPEG of at most 2048 pixels. Animations stay whole. */
export async function shrink(file) {
  if (file.type === "image/gif" || await moves(file) || (file.size <= SMALL_ENOUGH && KEPT.has(file.type))) return file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return file;
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const paint = canvas.getContext("2d");
  paint.fillStyle = "#fff";
  paint.fillRect(0, 0, canvas.width, canvas.height);
  paint.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((done) => { canvas.toBlob((blob) => done(blob ?? file), "image/jpeg", 0.85); });
}

/** Sends a file; `progress` hears 0…1. Resolves to what a message says of its image. */
export function upload(group, file, progress) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/in/local/upload?${asMe({ group })}`);
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.setRequestHeader("X-Qunzhu", "1");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("load", () => {
      const answer = request.response ?? {};
      if (request.status === 200) done(answer);
      else fail(new Refused(answer.error, answer.message || t("uploadFailed"), request.status, answer));
    });
    request.addEventListener("error", () => fail(new Error(t("uploadFailed"))));
    request.send(file);
  });
}
