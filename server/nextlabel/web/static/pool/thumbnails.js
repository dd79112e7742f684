// Thumbnails: tiny ones are drawn pixel by pixel, and one that cannot be loaded is replaced by a text.

const TINY = 96;  // pixels

function update(image) {
  if (!image.naturalWidth) image.parentElement.classList.add("missing");
  else if (Math.max(image.naturalWidth, image.naturalHeight) <= TINY) image.classList.add("pixels");
}

for (const image of document.querySelectorAll(".thumbnails img")) {
  if (image.complete) update(image);
  image.addEventListener("load", () => update(image));
  image.addEventListener("error", () => update(image));
}
