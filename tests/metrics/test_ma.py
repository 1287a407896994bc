import math
import warnings

import numpy as np
import pytest
from ma_model import COUNTS, LINEAR, Tree, columns, fence, random_forests, write_model
from scipy.io import loadmat, savemat

from gansr.errors import UserError
from gansr.metrics.ma import Forest, Ma, generalized_gaussian_shape, local_frequencies, structure
from gansr.metrics.pair import MetricError
from gansr.metrics.steerable_pyramid import global_features

# the coefficients of a 7 x 7 spectrum that lie in three directions; `.` in none
DIRECTIONS = [
    ".aaaaaa",
    "cbaaaaa",
    "ccbbaaa",
    "ccbbbaa",
    "cccbbbb",
    "ccccbbb",
    "ccccbbb",
]


def texture(height=96, width=101, seed=0):
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = 125 + 50 * np.sin(rows / 5 + seed) * np.cos(columns / 4) + 20 * np.sin((rows + columns) / 2)
    return np.clip(np.rint(waves + random.normal(0, 12, (height, width))), 16, 235)


# ---- the features of one level, in plain form


def plain_shape(values):
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    ratio = variance / ((sum(abs(value - mean) for value in values) / len(values)) ** 2 + 1e-7)
    shapes = [n / 1000 for n in range(30, 10_001)]
    table = [math.exp(math.lgamma(1 / s) + math.lgamma(3 / s) - 2 * math.lgamma(2 / s)) for s in shapes]
    return shapes[np.argmin(np.abs(np.array(table) - ratio))]


def variation(values, tiny):
    sizes = [abs(value) for value in values]
    mean = sum(sizes) / len(sizes)
    return math.sqrt(sum((size - mean) ** 2 for size in sizes) / (len(sizes) - 1)) / (mean + tiny)


def plain_spectra(image):
    """The DCT of each 7 x 7 patch around every third pixel; an odd missing row or column of zeros is the last."""
    height, width = image.shape
    counts = [math.ceil(length / 3) for length in image.shape]
    before = [(3 * (count - 1) + 7 - length) // 2 for count, length in zip(counts, image.shape, strict=True)]
    cosines = np.array([[math.cos(math.pi * (2 * n + 1) * k / 14) for n in range(7)] for k in range(7)])
    cosines *= np.array([math.sqrt((1 if k == 0 else 2) / 7) for k in range(7)])[:, None]
    for i in range(counts[0]):
        for j in range(counts[1]):
            patch = np.zeros((7, 7))
            for row in range(7):
                for column in range(7):
                    y, x = 3 * i + row - before[0], 3 * j + column - before[1]
                    if 0 <= y < height and 0 <= x < width:
                        patch[row, column] = image[y, x]
            yield cosines @ patch @ cosines.T


def plain_local_frequencies(image):
    shapes, variations, orientations = [], [], []
    for spectrum in plain_spectra(image):
        coefficients = spectrum.ravel()[1:].tolist()
        shapes.append(plain_shape(coefficients))
        variations.append(variation(coefficients, 1e-7))
        by_direction = [
            variation([spectrum[i, j] for i in range(7) for j in range(7) if DIRECTIONS[i][j] == direction], 1e-8)
            for direction in "abc"
        ]
        mean = sum(by_direction) / 3
        orientations.append(sum((value - mean) ** 2 for value in by_direction) / 2)
    first, last = math.ceil(len(shapes) / 10) + 1, math.floor(0.9 * len(shapes))
    features = [sorted(shapes)[:first], shapes]
    features += [sorted(variations)[last:], variations, sorted(orientations)[last:], orientations]
    return [sum(values) / len(values) for values in features]


def plain_structure(image):
    height, width = image.shape
    blocks = []
    for y in range(0, height, 5):
        for x in range(0, width, 5):
            block = np.zeros((5, 5))
            part = image[y : y + 5, x : x + 5]
            block[: part.shape[0], : part.shape[1]] = part
            blocks.append(block.ravel())
    return np.sqrt(np.linalg.eigvalsh(np.transpose(blocks) @ blocks)[::-1])


def plain_half(image):
    """Blurred by 3 x 3, zeros outside; of every two rows and columns the second."""
    weights = np.array([[math.exp(-(i * i + j * j) / (2 * 0.5**2)) for i in (-1, 0, 1)] for j in (-1, 0, 1)])
    padded = np.pad(image, 1)
    return np.array(
        [
            [(weights / weights.sum() * padded[i : i + 3, j : j + 3]).sum() for j in range(1, image.shape[1], 2)]
            for i in range(1, image.shape[0], 2)
        ]
    )


@pytest.mark.parametrize("size", [(24, 27), (25, 28), (26, 31)])
def test_local_frequencies_equal_a_plain_loop_over_patches(size):
    image = texture(*size) / 255
    np.testing.assert_allclose(local_frequencies(image), plain_local_frequencies(image), rtol=1e-11)


@pytest.mark.parametrize("size", [(25, 30), (27, 31), (29, 34)])
def test_structure_is_the_singular_values_of_the_blocks(size):
    image = texture(*size) / 255
    result = structure(image)
    assert (np.diff(result) <= 0).all()
    np.testing.assert_allclose(result, plain_structure(image), rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-3, 1, 100])
def test_the_shape_is_the_nearest_in_the_table(scale):
    random = np.random.default_rng(0)
    rows = [*random.normal(0, 1, (4, 60)), *random.uniform(-1, 1, (3, 60)), *random.standard_cauchy((4, 60))]
    rows.append(np.eye(60)[7])  # so peaked that only small shapes fit
    rows.append(np.tile([-1.0, 1.0], 30))  # of less spread than any shape has
    values = scale * np.array(rows)
    assert generalized_gaussian_shape(values).tolist() == [plain_shape(row.tolist()) for row in values]


@pytest.mark.parametrize(("shape", "draw"), [(1, "laplace"), (2, "normal")])
def test_the_shape_of_known_distributions_is_found(shape, draw):
    values = getattr(np.random.default_rng(1), draw)(3, 5, (1, 400_000))
    assert generalized_gaussian_shape(values)[0] == pytest.approx(shape, rel=0.02)


# ---- the forests


def test_a_forest_is_the_mean_of_trees_walked_one_by_one():
    random = np.random.default_rng(3)
    for count, trees in zip(COUNTS, random_forests(trees=25), strict=True):
        left, right, feature, threshold, value = columns(trees)
        forest = Forest(left, right, threshold, value, feature)
        answers = set()
        for features in np.exp(random.uniform(-4, 4, (20, count))):
            answers.add(forest(features))
            assert forest(features) == pytest.approx(np.mean([tree.walk(features) for tree in trees]), rel=1e-13)
        assert len(answers) > 15


def test_a_feature_that_equals_the_threshold_goes_left():
    tree = Tree()
    tree.split(1, 2, 0.3, 1.0, 2.0)
    left, right, feature, threshold, value = columns([tree])
    forest = Forest(left, right, threshold, value, feature)
    assert [forest(np.array([9, x])) for x in (0.3, np.nextafter(0.3, 1))] == [1.0, 2.0]


@pytest.mark.parametrize("size", [(96, 101), (99, 97), (100, 106)])
def test_each_forest_sees_its_features_in_order(tmp_path, size):
    y = texture(*size)
    levels = [y / 255]
    for _ in range(2):
        levels.append(plain_half(levels[-1]))
    features = [
        np.concatenate([local_frequencies(level) for level in levels]),
        global_features(y, generalized_gaussian_shape),
        np.concatenate([structure(level) for level in levels]),
    ]
    assert tuple(len(found) for found in features) == COUNTS
    fenced = write_model(tmp_path / "fence.mat", [fence(found, 1e-9) for found in features], (1, 10, 100, 1000))
    assert Ma(fenced)(y) == pytest.approx(1 + 5 * 1110, rel=1e-12)
    forests = random_forests()
    expected = [np.mean([tree.walk(found) for tree in forest]) for forest, found in zip(forests, features, strict=True)]
    answer = Ma(write_model(tmp_path / "model.mat", forests))(y)
    assert answer == pytest.approx(LINEAR[0] + np.dot(LINEAR[1:], expected), rel=1e-12)


# ---- images without a score


@pytest.fixture(scope="module")
def ma(tmp_path_factory):
    return Ma(write_model(tmp_path_factory.mktemp("ma") / "model.mat", random_forests()))


@pytest.mark.parametrize("value", [0, 16, 77.5, 128, 235])
def test_a_flat_image_has_no_score(ma, value):
    with pytest.raises(MetricError, match="is flat"):
        ma(np.full((96, 100), float(value)))


@pytest.mark.parametrize(
    ("size", "down", "across"), [((96, 100), 1, 0), ((104, 150), 0, 2), ((96, 104), 4, 0), ((96, 100), 1, 1)]
)
def test_stripes_have_no_score_made_of_rounding_noise(ma, size, down, across):
    # the bands are multiples of each other, so that their covariance has no inverse
    rows, columns = np.indices(size)
    stripes = 50 + 100.0 * ((down * rows + across * columns) % 8 < 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MetricError):
            ma(stripes)


@pytest.mark.parametrize("size", [(95, 120), (120, 95), (5, 5)])
def test_a_small_image_has_no_score(ma, size):
    with pytest.raises(MetricError, match=f"{size[0]} x {size[1]} is too small for the Ma score, which needs 96 px"):
        ma(texture(*size))


def test_an_image_that_is_flat_in_parts_has_a_score(ma):
    image = texture(96, 120)
    image[:, 60:] = 100
    assert math.isfinite(ma(image))


# ---- the model's file


def broken(how, file):
    content = loadmat(write_model(file, random_forests(trees=2)))["model"]
    rf = content["rf"][0, 0]
    if how == "two forests":
        return {"model": {"rf": rf[:, :2], "linear": content["linear"][0, 0]}}
    if how == "fewer weights":
        return {"model": {"rf": rf, "linear": np.ones((3, 1))}}
    if how == "no weights":
        return {"model": {"rf": rf}}
    if how == "other fields":
        return {"model": {"rf": np.array([[{"lDau": 1, "rDau": 2}] * 3]), "linear": np.ones((4, 1))}}
    return {"model": np.ones(3)} if how == "numbers" else {"forests": rf}


@pytest.mark.parametrize(
    "how", ["two forests", "fewer weights", "no weights", "other fields", "numbers", "another name"]
)
def test_a_file_of_another_layout_is_refused_in_one_line(tmp_path, how):
    savemat(tmp_path / "given.mat", broken(how, tmp_path / "model.mat"))
    refuse(tmp_path / "given.mat")


@pytest.mark.parametrize("how", ["text", "empty", "truncated", "damaged"])
def test_a_file_that_cannot_be_read_is_refused_in_one_line(tmp_path, how):
    whole = write_model(tmp_path / "model.mat", random_forests(trees=2)).read_bytes()
    middle = len(whole) // 2
    damaged = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    contents = {"text": b"no model\n", "empty": b"", "truncated": whole[:middle], "damaged": damaged}
    (tmp_path / "given.mat").write_bytes(contents[how])
    refuse(tmp_path / "given.mat")


def refuse(file):
    with pytest.raises(UserError, match="not the model of the Ma score") as caught:
        Ma(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)
