"""The training step, the loop that runs it, saved states and logs."""
