"""Networks that map LR to SR; a config finds one by its file name and calls its `build`."""
