"""Images come home whole, under plain names, or not at all."""

import pytest

from search_hooks.images import write_image
from vizworker.errors import WireError


def test_image_is_written_under_each_of_its_names(tmp_path):
    paths = write_image(tmp_path / "image", ["fit", "fit_x1_plane"], "png", b"abc")
    assert [path.name for path in paths] == ["fit.png", "fit_x1_plane.png"]
    assert all(path.read_bytes() == b"abc" for path in paths)


def test_image_replaces_the_one_before_and_leaves_no_part(tmp_path):
    write_image(tmp_path, ["fit"], "png", b"old")
    write_image(tmp_path, ["fit"], "png", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.png"]
    assert (tmp_path / "fit.png").read_bytes() == b"new"


@pytest.mark.parametrize("stem", ["", "../fit", "a/b", "FIT", "fit.png", "fit\0", "x" * 65, "~"])
def test_name_that_is_more_than_a_name_is_refused(tmp_path, stem):
    with pytest.raises(WireError, match="expected a plain lower-case name"):
        write_image(tmp_path, ["fit", stem], "png", b"abc")
    assert not list(tmp_path.iterdir())


def test_format_of_another_kind_is_refused(tmp_path):
    with pytest.raises(WireError, match="expected one of"):
        write_image(tmp_path, ["fit"], "sh", b"abc")


def test_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        write_image(tmp_path / "file" / "image", ["fit"], "png", b"abc")
