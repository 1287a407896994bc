"""Networks that map LR to SR, a file each; a config finds one by its file name and calls its `build(scale, ...)`.

All else that is to be known of one stands in its file as well, each only where it differs from what is said here:

    VERSION             a number; without it every edit makes again what the network has made
    SMALLEST_LR         the smallest side of an LR image in pixels; 1
    TRAINING_ONLY       options that act in training alone, so that weights fit whatever their values; none
    OUTPUTS             what `forward` gives in training beside SR; nothing
    PARAMETER_GROUPS    groups of parameters with an optimiser of their own; none
    REPEATED_BLOCKS     classes of blocks that `training.compile` compiles; none
    NOT_COMPILED        classes of their parts that stay as they are; none
    RELEASED_NAMES      beginnings of the names that others gave its parameters, and ours; none
    SPANDREL            True where the network is spandrel's, which knows these names; False
    check(options)      raises a ValueError for options that do not fit together
    layers(options, scale), lr_multiple(scale)
                        what GPU hours are estimated from (estimate/flops.py); without, they are not known
"""
