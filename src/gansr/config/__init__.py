"""The parts of a config (run, model, method, dataset ...) as typed, checked objects; unknown keys are errors.

Imports no torch.
"""
