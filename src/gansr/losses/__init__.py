"""Loss terms, one file each; a method names them by file name."""
