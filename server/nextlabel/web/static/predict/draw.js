// Draws images into canvases. The page's content security policy allows no image without an address on this server.

// Draw a sent file into a canvas of the size that the server measured.
export async function drawSent(file, canvas) {
  const image = await decode(file);
  if (!image) return markBlank(canvas);
  const measured = Number(canvas.dataset.width) / Number(canvas.dataset.height);
  const frame = canvas.parentElement.querySelector("svg");
  // the browser and the server disagree about the orientation: the frame would be wrong (no camera writes such a file)
  if (frame && Math.abs(image.width / image.height / measured - 1) > 0.02) frame.remove();
  paint(image, canvas, 0, 0, canvas.width, canvas.height);
}

// Draw the model's input, pixel for pixel.
export async function drawModelInput(canvas) {
  const bytes = Uint8Array.from(atob(canvas.dataset.input), (letter) => letter.charCodeAt(0));
  const image = await decode(new Blob([bytes], { type: "image/png" }));
  if (image) paint(image, canvas, 0, 0, canvas.width, canvas.height);
}

// Draw a small version in the middle of the canvas.
export async function drawThumbnail(file, canvas) {
  const image = await decode(file);
  if (!image) return markBlank(canvas);
  const scale = Math.min(canvas.width / image.width, canvas.height / image.height);
  const [width, height] = [Math.max(1, image.width * scale), Math.max(1, image.height * scale)];
  paint(image, canvas, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

// Transparent pixels are white, as they are for the model.
function paint(image, canvas, x, y, width, height) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = Math.max(image.width, image.height) > 128;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(x, y, width, height);
  context.drawImage(image, x, y, width, height);
  canvas.dataset.drawn = "";
  image.close();
}

async function decode(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    return null;
  }
}

function markBlank(canvas) {
  canvas.classList.add("blank");
}
