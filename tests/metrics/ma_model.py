"""Files of the layout of the Ma score's model, with forests made here: the authors' own are not in this project."""

import numpy as np
from scipy.io import savemat

COUNTS = (18, 45, 75)  # of features: local frequencies, global frequencies, structure
LINEAR = (-1.5, 0.35, 0.45, 0.3)  # the constant, and the weight of each forest
# the range of features on real images, within which thresholds lie
RANGES = ((0.02, 3.0), (0.1, 4.0), (0.02, 40.0))


class Tree:
    """A regression tree that is grown node by node; nodes are counted from 1."""

    def __init__(self, value=5.0):
        self.nodes = [[0, 0, 0, 0.0, value]]  # left, right, feature, threshold, value

    def split(self, node, feature, threshold, left_value, right_value):
        """Make a leaf an inner node: the numbers of its two new leaves."""
        left = len(self.nodes) + 1
        self.nodes[node - 1][:4] = [left, left + 1, feature, threshold]
        self.nodes += [[0, 0, 0, 0.0, left_value], [0, 0, 0, 0.0, right_value]]
        return left, left + 1

    def walk(self, features):
        """The value of the leaf that features lead to."""
        node = 1
        while True:
            left, right, feature, threshold, value = self.nodes[node - 1]
            if left == 0:
                return value
            node = left if features[feature - 1] <= threshold else right


def random_tree(random, count, low, high, splits):
    """A tree of random shape: any leaf may be the next to be split, at a threshold from a logarithmic range."""
    tree, leaves = Tree(), [1]
    for _ in range(splits):
        leaf = leaves.pop(random.integers(len(leaves)))
        threshold = float(np.exp(random.uniform(np.log(low), np.log(high))))
        leaves += tree.split(leaf, int(random.integers(1, count + 1)), threshold, *random.uniform(0, 10, 2).tolist())
    return tree


def random_forests(seed=0, trees=40, most_splits=12):
    """Three forests, for each kind of features one; trees from a single leaf on."""
    random = np.random.default_rng(seed)
    return [
        [random_tree(random, count, *limits, random.integers(0, most_splits + 1)) for _ in range(trees)]
        for count, limits in zip(COUNTS, RANGES, strict=True)
    ]


def fence(features, margin):
    """A forest whose mean is 5 only if no feature is further than `margin` from these."""
    forest = []
    for number, feature in enumerate(features, start=1):
        below, above = Tree(), Tree()
        below.split(1, number, feature - margin, -1e3, 10.0)
        above.split(1, number, feature + margin, 0.0, 1e6)
        forest += [below, above]
    return forest


def columns(forest):
    """The forest's arrays: nodes x trees, a column for each tree, zeros below its last node."""
    size = max(len(tree.nodes) for tree in forest)
    table = np.zeros((5, size, len(forest)))
    for number, tree in enumerate(forest):
        table[:, : len(tree.nodes), number] = np.transpose(tree.nodes)
    left, right, feature, threshold, value = table
    return left.astype(np.int32), right.astype(np.int32), feature.astype(np.int32), threshold, value


def write_model(file, forests, linear=LINEAR):
    """Write three forests in the layout of the authors' file, which is read by position."""
    cell = np.empty((1, 3), dtype=object)
    for kind, forest in enumerate(forests):
        left, right, feature, threshold, value = columns(forest)
        status = np.where(left > 0, -3, -1).astype(np.int32)
        sizes = np.array([[len(tree.nodes)] for tree in forest], np.int32)
        cell[0, kind] = {
            "lDau": left,
            "rDau": right,
            "nodestatus": status,
            "nrnodes": np.int32(len(left)),
            "upper": threshold,
            "avnode": value,
            "mbest": feature,
            "ndtree": sizes,
            "ntree": np.int32(len(forest)),
        }
    savemat(file, {"model": {"rf": cell, "linear": np.reshape(linear, (4, 1)).astype(float)}}, do_compression=True)
    return file
