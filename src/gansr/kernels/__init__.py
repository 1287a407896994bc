"""Image operations on tensors that several losses use, in a fast form; speed/plain.py has each formula as written."""
