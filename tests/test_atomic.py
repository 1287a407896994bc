import pytest

from gansr.atomic import atomic_file, atomic_folder, write_text


class FailureError(Exception):
    pass


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    final = tmp_path / "new" / "folder" / "a.csv"
    with atomic_file(final) as partial:
        partial.write_text("content")
        assert partial.parent == final.parent  # a rename within one file system
        assert not final.exists()
    assert final.read_text() == "content"
    assert names(final.parent) == ["a.csv"]


def test_a_file_that_fails_vanishes(tmp_path):
    with pytest.raises(FailureError), atomic_file(tmp_path / "a.csv") as partial:
        partial.write_text("half")
        raise FailureError
    assert names(tmp_path) == []


def test_a_file_that_fails_leaves_the_earlier_one(tmp_path):
    (tmp_path / "a.csv").write_text("earlier")
    with pytest.raises(FailureError), atomic_file(tmp_path / "a.csv") as partial:
        partial.write_text("half")
        raise FailureError
    assert names(tmp_path) == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "earlier"


def test_a_file_replaces_the_earlier_one_and_what_a_kill_left(tmp_path):
    (tmp_path / "a.csv").write_text("earlier and longer")
    with atomic_file(tmp_path / "a.csv") as partial:
        partial.write_text("left by a kill, longer than what comes")
    with atomic_file(tmp_path / "a.csv") as partial:
        partial.write_text("new")
    assert (tmp_path / "a.csv").read_text() == "new"


def test_a_block_that_writes_no_file_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a.csv"):
        pass
    assert names(tmp_path) == []


def test_a_folder_appears_when_the_block_ends(tmp_path):
    final = tmp_path / "new" / "images"
    with atomic_folder(final) as partial:
        (partial / "a.png").touch()
        assert partial.parent == final.parent
        assert not final.exists()
    assert names(final) == ["a.png"]
    assert names(final.parent) == ["images"]


def test_a_folder_that_fails_vanishes(tmp_path):
    with pytest.raises(FailureError), atomic_folder(tmp_path / "images") as partial:
        (partial / "sub").mkdir()
        (partial / "sub" / "a.png").touch()
        raise FailureError
    assert names(tmp_path) == []


def test_a_folder_that_fails_leaves_the_earlier_one(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "earlier.png").touch()
    with pytest.raises(FailureError), atomic_folder(tmp_path / "images") as partial:
        (partial / "a.png").touch()
        raise FailureError
    assert names(tmp_path) == ["images"]
    assert names(tmp_path / "images") == ["earlier.png"]


def test_a_folder_replaces_the_earlier_one_as_a_whole(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "earlier.png").touch()
    with atomic_folder(tmp_path / "images") as partial:
        (partial / "a.png").touch()
    assert names(tmp_path) == ["images"]
    assert names(tmp_path / "images") == ["a.png"]


def test_a_folder_left_half_by_a_kill_is_begun_anew(tmp_path):
    (tmp_path / ".images.partial" / "deep").mkdir(parents=True)
    (tmp_path / ".images.partial" / "half.png").touch()
    with atomic_folder(tmp_path / "images") as partial:
        assert names(partial) == []
        (partial / "a.png").touch()
    assert names(tmp_path / "images") == ["a.png"]
    assert names(tmp_path) == ["images"]


def test_text_is_written_as_utf_8(tmp_path):
    write_text(tmp_path / "new" / "a.txt", "σ ± ß\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "σ ± ß\n".encode()
    assert names(tmp_path / "new") == ["a.txt"]
