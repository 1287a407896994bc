"""How config files, jobs and plug-in files are read and checked; it knows none of them. Imports no torch."""
