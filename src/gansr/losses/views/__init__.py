"""Views: transformations of the images that a loss term and its critic get, one file each, found by file name."""
