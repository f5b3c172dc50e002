"""How the probes get into a Keras train step, and what is done with what they measure."""
