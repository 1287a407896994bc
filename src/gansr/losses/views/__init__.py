"""What critics and loss terms are shown of images; a config finds a view by its file name."""
