"""What learners train: networks, losses and views of pictures. Everything here imports torch."""
