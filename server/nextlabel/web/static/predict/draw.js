// Draws images that have no address: the page's policy lets no other image in.

// The file as it was sent, in a canvas of the size the server told, on white as the model sees it.
export async function draw(file, canvas) {
  const image = await decoded(file);
  if (!image) return blank(canvas);
  const told = Number(canvas.dataset.width) / Number(canvas.dataset.height);
  const over = canvas.parentElement.querySelector("svg");
  // turned otherwise than the server turned it, which no browser does with what a camera writes
  if (over && Math.abs(image.width / image.height / told - 1) > 0.02) over.remove();
  paint(image, canvas, 0, 0, canvas.width, canvas.height);
}

// What the model was given, pixel for pixel.
export async function drawSeen(canvas) {
  const bytes = Uint8Array.from(atob(canvas.dataset.seen), (letter) => letter.charCodeAt(0));
  const image = await decoded(new Blob([bytes], { type: "image/png" }));
  if (image) paint(image, canvas, 0, 0, canvas.width, canvas.height);
}

// A small one in the middle of its canvas.
export async function drawSmall(file, canvas) {
  const image = await decoded(file);
  if (!image) return blank(canvas);
  const scale = Math.min(canvas.width / image.width, canvas.height / image.height);
  const [width, height] = [Math.max(1, image.width * scale), Math.max(1, image.height * scale)];
  paint(image, canvas, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
}

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

async function decoded(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    return null;
  }
}

function blank(canvas) {
  canvas.classList.add("blank");
}
