"""What is measured inside the training step, one family of quantities a file."""
