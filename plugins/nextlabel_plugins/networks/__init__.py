"""Networks for images and how they are trained and used for prediction. Everything here imports torch."""
