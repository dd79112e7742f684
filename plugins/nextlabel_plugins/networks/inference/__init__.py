"""Trained networks as models: prediction, test-time augmentation, batch-norm folding and ONNX."""
