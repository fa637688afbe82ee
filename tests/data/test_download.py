"""Where data are looked for, and what a reader is told when they are not there."""

import socket
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest
import torchvision.datasets.utils

from adautomix import data
from adautomix.data import cifar100, download, photodigits
from adautomix.data.cifar100 import INFO as CIFAR100
from adautomix.data.photodigits import INFO as PHOTODIGITS
from adautomix.errors import DataError, InputError


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_DATA", str(tmp_path / "home"))
    monkeypatch.delenv("ADAUTOMIX_CIFAR100", raising=False)
    return tmp_path / "home"


@pytest.fixture
def any_content(monkeypatch):
    """Accept the small synthetic set as CIFAR-100; all of it validates."""
    read = cifar100.read
    monkeypatch.setattr(cifar100, "INFO", replace(CIFAR100, train_per_class=0))
    monkeypatch.setattr(
        cifar100, "read", lambda split, root, each=None: read(split, root, each, check=False)
    )


def test_home_is_the_environment_variable_or_the_cache(monkeypatch, empty_home):
    assert download.home() == empty_home
    monkeypatch.delenv("ADAUTOMIX_DATA")
    monkeypatch.setenv("HOME", "/somewhere")
    assert str(download.home()) == "/somewhere/.cache/adautomix"


def test_search_order_is_given_path_then_environment_then_home(tmp_path, monkeypatch, empty_home):
    assert download.where("cifar100") is None
    (empty_home / "cifar100").mkdir(parents=True)
    assert download.where("cifar100") == empty_home / "cifar100"
    for name in ("variable", "given"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("ADAUTOMIX_CIFAR100", str(tmp_path / "variable"))
    assert download.where("cifar100") == tmp_path / "variable"
    assert download.where("cifar100", tmp_path / "given") == tmp_path / "given"


def test_a_path_that_does_not_exist_is_named_with_its_origin(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"nowhere \(the path given\)"):
        download.where("cifar100", tmp_path / "nowhere")
    monkeypatch.setenv("ADAUTOMIX_CIFAR100", str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"gone \(ADAUTOMIX_CIFAR100\)"):
        data.load("cifar100", "train")


@pytest.mark.parametrize(
    "use", [lambda: data.load("cifar100", "test"), lambda: download.verify("cifar100")]
)
def test_missing_data_come_with_the_command_and_the_alternative(use):
    with pytest.raises(
        DataError, match="run `adautomix data get cifar100`, or point ADAUTOMIX_CIFAR"
    ):
        use()


@pytest.mark.parametrize(
    "use", [download.where, download.verify, download.get, lambda n: data.load(n, "test")]
)
def test_unknown_names_are_refused(use):
    with pytest.raises(InputError, match="unknown dataset 'cifar'"):
        use("cifar")


def test_unknown_split_is_refused_before_any_search():
    with pytest.raises(
        InputError, match=r"unknown split of CIFAR-100 'tests'.*did you mean 'test'"
    ):
        data.load("cifar100", "tests")


def test_load_reads_what_where_finds(small, write_npz, any_content, monkeypatch):
    monkeypatch.setenv("ADAUTOMIX_CIFAR100", str(write_npz(small)))
    assert len(data.load("cifar100", "train")) == 12
    assert len(data.load("cifar100", "train", per_class=2)) == 6


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", ["photodigits", "photodigits.0-4"])
def test_photodigits_needs_no_path_but_one_given_must_exist(tmp_path, name, split):
    with pytest.raises(DataError, match=r"PhotoDigits is not at .*nowhere \(the path given\)"):
        data.load(name, split, root=tmp_path / "nowhere")
    assert data.load(name, split, root=tmp_path).sha256 == data.load(name, split).sha256


def test_photodigits_has_nothing_to_get():
    assert "nothing to get" in download.get("photodigits")
    assert download.where("photodigits") is None


def test_verify_gives_counts_and_digests():
    assert download.verify("photodigits") == {
        split: {"images": PHOTODIGITS.counts[split], "sha256": PHOTODIGITS.sha256[split]}
        for split in ("train", "validation", "test")
    }


@pytest.mark.parametrize("written", [{}, dict.fromkeys(PHOTODIGITS.counts, "0" * 64)])
def test_verify_says_the_digests_of_an_embedded_set_that_has_none_or_others(monkeypatch, written):
    monkeypatch.setattr(photodigits, "INFO", replace(PHOTODIGITS, sha256=written))
    said = 'other digests than those of its INFO: "train": "8bcdf75c.*"test": "609b8dc0'
    with pytest.raises(DataError, match=said):
        download.verify("photodigits")


def test_verify_refuses_what_is_not_the_official_set(small, write_npz):
    with pytest.raises(DataError, match="is missing or not an official one"):
        download.verify("cifar100", write_npz(small))


@pytest.fixture
def archive(small, write_pickles, monkeypatch):
    """A download that brings the small set; what it was asked for is kept."""
    asked = []

    def fake(url, root, filename, md5, remove_finished):
        asked.append((url, filename, md5, remove_finished))
        write_pickles(small).rename(root)

    monkeypatch.setattr(torchvision.datasets.utils, "download_and_extract_archive", fake)
    return asked


def test_get_puts_verified_data_in_place(archive, any_content, empty_home):
    assert (
        download.get("cifar100")
        == f"CIFAR-100 is now in {empty_home / 'cifar100'}; its digests agree."
    )
    assert archive == [(CIFAR100.source, *next(iter(CIFAR100.md5.items())), True)]
    assert len(data.load("cifar100", "test")) == 6
    assert [path.name for path in empty_home.iterdir()] == ["cifar100"]


def test_get_removes_what_a_killed_download_left(archive, any_content, empty_home):
    (empty_home / ".writing-killed" / "cifar100").mkdir(parents=True)
    download.get("cifar100")
    assert [path.name for path in empty_home.iterdir()] == ["cifar100"]


def test_get_keeps_what_is_there(archive, any_content):
    download.get("cifar100")
    assert "was already in" in download.get("cifar100")
    assert len(archive) == 1


def test_get_leaves_nothing_when_the_data_are_not_official(archive, empty_home):
    with pytest.raises(DataError, match="is missing or not an official one"):
        download.get("cifar100")
    assert list(empty_home.iterdir()) == []


def test_get_says_to_remove_what_is_altered(small, write_pickles, empty_home):
    empty_home.mkdir()
    write_pickles(small).rename(empty_home / "cifar100")
    with pytest.raises(DataError, match=f"Remove {empty_home / 'cifar100'} to get it anew"):
        download.get("cifar100")
    assert (empty_home / "cifar100" / "cifar-100-python" / "train").is_file()


@pytest.mark.parametrize(
    "failure", [URLError("no route"), RuntimeError("File not found or corrupted")]
)
def test_a_failed_download_names_the_address_and_leaves_nothing(failure, monkeypatch, empty_home):
    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(torchvision.datasets.utils, "download_and_extract_archive", fail)
    with pytest.raises(
        DataError, match=r"from https://www\.cs\.toronto.*point ADAUTOMIX_CIFAR100 or --data"
    ):
        download.get("cifar100")
    assert list(empty_home.iterdir()) == []


@pytest.mark.parametrize("entry", ["../out.txt", "/out.txt", "link"])
def test_an_archive_whose_entries_leave_the_folder_is_refused(entry, monkeypatch, empty_home):
    """torchvision unpacks it, so this is a test of the version that is installed."""

    def fake(url, root, filename, md5, remove_finished):
        Path(root).mkdir(parents=True)
        path = Path(root) / filename
        with tarfile.open(path, "w:gz") as archive:
            member = tarfile.TarInfo(entry)
            if entry == "link":
                member.type, member.linkname = tarfile.SYMTYPE, "../../../out.txt"
            archive.addfile(member)
        torchvision.datasets.utils.extract_archive(str(path), str(root), remove_finished)

    monkeypatch.setattr(torchvision.datasets.utils, "download_and_extract_archive", fake)
    outside = set(empty_home.parent.rglob("*"))
    with pytest.raises(DataError, match=r"CIFAR-100 [^\n]*\.$"):
        download.get("cifar100")
    assert not list(empty_home.iterdir())
    assert set(empty_home.parent.rglob("*")) - outside <= {empty_home}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written to"):
        download.get("cifar100", tmp_path / "file" / "cifar100")


@pytest.fixture
def port(monkeypatch) -> Iterator[int]:
    """Where somebody listens on this machine; no proxy is set."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_host_is_reachable_where_somebody_listens(port):
    assert download.reachable(f"https://127.0.0.1:{port}/a/b")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert not download.reachable(f"http://127.0.0.1:{closed.getsockname()[1]}")
    assert download.host(f"https://127.0.0.1:{port}/a/b") == "127.0.0.1"


def test_a_proxy_is_asked_instead_of_the_host(port, monkeypatch):
    assert not download.reachable("https://weights.invalid/a")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    assert download.reachable("https://weights.invalid/a")
    monkeypatch.setenv("no_proxy", "weights.invalid")
    assert not download.reachable("https://weights.invalid/a")


def test_a_system_that_looks_for_the_host_for_long_is_not_waited_for(port, monkeypatch):
    def slow(*_, **__):
        time.sleep(3)
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", slow)
    began = time.monotonic()
    assert not download.reachable(f"https://127.0.0.1:{port}", seconds=0.1)
    assert time.monotonic() - began < 2
