"""gansr: train and compare GAN-based super-resolution methods under equal conditions."""

__version__ = "0.1.0"
