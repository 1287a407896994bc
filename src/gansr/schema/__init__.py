"""How config files, jobs and plug-in files are read and checked in general, independent of what they hold.

Imports no torch.
"""
