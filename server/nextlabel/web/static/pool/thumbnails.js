// Thumbnails: tiny ones are drawn by the pixel, and one that does not come leaves a place that says so.

const TINY = 96;

function look(image) {
  if (!image.naturalWidth) image.parentElement.classList.add("gone");
  else if (Math.max(image.naturalWidth, image.naturalHeight) <= TINY) image.classList.add("pixels");
}

for (const image of document.querySelectorAll(".thumbnails img")) {
  if (image.complete) look(image);
  image.addEventListener("load", () => look(image));
  image.addEventListener("error", () => look(image));
}
