"""What learners train: networks, losses and views of images. Everything here imports torch."""
