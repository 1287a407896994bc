"""Critics of HR patches; a config finds one by its file name and calls its `build`."""
