"""Image operations on tensors that the losses are made of, in a fast form; the tests hold a plain one."""
