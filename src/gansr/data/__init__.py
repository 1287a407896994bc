"""HR images, LR images made from them, and the patch store. Imports no torch."""
