"""Generators, discriminators and the perceptual network; one file each, found by name."""
