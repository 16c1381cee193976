"""WebDataset shards are read as the same pictures in a folder are, and damaged or hostile ones are
refused in one line."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks.errors import AutomlError, InputError
from automl.search.data import Reading, described, load, split
from automl.search.data.cache import Cache
from automl.search.data.checking import check_data
from automl.search.data.shard_names import expanded
from automl.search.data.shards import Member, copied_out, members, open_member, openable
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.search.kept_settings import data_name
from automl.studies import Study
from PIL import Image

from ..one_network import TINY, pictures, study_on
from .conformance import SourceConformance
from .shard_files import Sample, add, from_folder, write_shard

Noise = Callable[..., list[Path]]
Shard = Callable[..., Any]


@pytest.fixture
def pngs(tmp_path: Path, noise: Noise) -> list[bytes]:
    """24 images that differ."""
    return [path.read_bytes() for path in noise(tmp_path / "noise", 24)]


@pytest.fixture
def samples(pngs: list[bytes]) -> list[Sample]:
    """24 samples of two classes."""
    return [(f"{number:03}", {"png": png, "cls": "cat" if number % 2 else "dog"}) for number, png in enumerate(pngs)]


@pytest.fixture
def read(tmp_path: Path) -> Shard:
    """read(samples, …): what is read of one shard of them, by the choices given."""

    def shard(samples: list[Sample], name: str = "pets-000.tar", **choices: Any) -> Any:
        write_shard(tmp_path / "shards" / name, samples)
        return load(f"wds:{tmp_path}/shards", size=8, reading=Reading(**choices), cache="none")

    return shard


class TestConforms(SourceConformance):
    name = "shards"

    @pytest.fixture
    def text(self, tmp_path: Path, noise: Noise) -> str:
        for label in ("cat", "dog"):
            noise(tmp_path / "pets" / label, 12)
        return f"wds:{from_folder(tmp_path / 'pets', tmp_path / 'shards')}"


class TestTheSameAsAFolder:
    @pytest.mark.parametrize("kind", ["jpg", "png"])
    @pytest.mark.parametrize("fit", ["crop", "letterbox"])
    def test_pixels_labels_and_split_are_those_of_the_folder(self, tmp_path: Path, kind: str, fit: str):
        root = pictures(tmp_path, kind, count=24)
        shards = from_folder(root, tmp_path / "shards")
        reading = Reading(fit=fit)
        folder, tars = (load(text, reading=reading, cache="none") for text in (str(root), f"wds:{shards}"))
        assert tars.fingerprint == folder.fingerprint
        assert (tars.classes, tars.kinds, tars.native) == (folder.classes, folder.kinds, folder.native)
        assert split(tars, seed=0).to_dict() == split(folder, seed=0).to_dict()

    def test_another_picture_or_label_is_other_data(self, tmp_path: Path, read: Shard, samples: list[Sample]):
        found = read(samples).fingerprint
        assert read([*samples[:-1], (samples[-1][0], {**samples[-1][1], "cls": "dog"})]).fingerprint != found
        assert read([*samples[:-1], (samples[-1][0], {**samples[0][1], "cls": "cat"})]).fingerprint != found

    @pytest.mark.exhaustive
    def test_a_study_on_shards_trains_and_exports_with_the_pixels_of_training(self, tmp_path: Path):
        shards = from_folder(pictures(tmp_path, "jpg"), tmp_path / "shards")
        study_on(tmp_path, Path(f"wds:{shards}"), TINY)
        study = Study.open(f"sqlite:///{tmp_path}/s.db", "s")
        trained = train(study, epochs=1, threads=1)
        checked = export(study, tmp_path / "found", formats=()).exported.checked
        assert checked is not None
        assert (checked.identical, checked.accuracy) == (True, pytest.approx(trained.test_accuracy))

    def test_a_check_tells_of_sizes_kinds_and_special_files_what_it_tells_of_the_folder(self, tmp_path: Path):
        root = pictures(tmp_path, "jpg", count=24)
        checked = [
            check_data(text, cache="none") for text in (str(root), f"wds:{from_folder(root, tmp_path / 'tars')}")
        ]
        assert checked[0].sizes == checked[1].sizes is not None
        assert checked[0].special == checked[1].special != {}
        assert checked[0].classes == checked[1].classes
        assert checked[1].refused is None


class TestTheCache:
    @pytest.fixture
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
        monkeypatch.setattr("automl.search.data.builtin.shards_source.SMALLEST", 1)
        return Cache(folder=tmp_path / "decoded")

    def test_a_second_reading_maps_the_first_and_a_changed_shard_is_read_again(
        self, tmp_path: Path, cache: Cache, samples: list[Sample]
    ):
        path, text = write_shard(tmp_path / "s" / "a.tar", samples), f"wds:{tmp_path}/s"
        first, second = (load(text, size=8, cache=cache) for _ in range(2))
        assert first.stored == second.stored != ""
        assert list(second.files) == list(first.files)
        assert len(cache.entries()) == 1
        write_shard(path, samples[:-1])
        assert len(load(text, size=8, cache=cache).labels) == 23
        assert len(cache.entries()) == 2

    def test_asking_for_the_task_that_was_found_does_not_decode_again(
        self, tmp_path: Path, cache: Cache, samples: list[Sample]
    ):
        write_shard(tmp_path / "s" / "a.tar", samples)
        write_shard(tmp_path / "s" / "b.tar", [(f"x{name}", {**kept, "cls": "cat;dog"}) for name, kept in samples[:2]])
        text = f"wds:{tmp_path}/s"
        for task in (None, "classification", "classification", "multi-label"):
            data = load(text, size=8, cache=cache, reading=Reading(task=task))
            assert data.task == (task or "multi-label")
        assert len(cache.entries()) == 3
        os.unlink(tmp_path / "s" / "b.tar")
        for task in (None, "classification"):
            assert load(text, size=8, cache=cache, reading=Reading(task=task)).task == "classification"
        assert len(cache.entries()) == 4


class TestNames:
    def test_braces_stand_for_what_a_shell_makes_of_them(self):
        assert expanded("a-{08..10}.tar", "") == ["a-08.tar", "a-09.tar", "a-10.tar"]
        assert expanded("{b,a}{2..1}", "") == ["b2", "b1", "a2", "a1"]
        assert expanded("{one}{}", "") == ["{one}{}"]
        for pattern in ("{0..999999999}", "{0..999}{0..999}"):
            with pytest.raises(InputError, match="at most 100,000 shards, but its braces stand for 1,000,0"):
                expanded(pattern, "x")

    def test_a_pattern_in_braces_a_star_a_file_and_a_folder_name_the_same(
        self, tmp_path: Path, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
    ):
        for number in range(2):
            write_shard(tmp_path / "s" / f"pets-{number:03}.tar", samples[number::2])
        whole = load(f"wds:{tmp_path}/s").fingerprint
        monkeypatch.chdir(tmp_path)
        for text in ("wds:s", "wds:s/pets-{000..001}.tar", "wds:s/pets-*.tar", "wds:./s/pets-00{0,1}.tar"):
            data = load(text)
            assert data.fingerprint == whole
            assert (
                data_name(data.name) == data.name == text.replace("wds:./", "wds:").replace("wds:", f"wds:{tmp_path}/")
            )

    @pytest.mark.parametrize(
        ("names", "parts"),
        [
            (("a-train-0.tar", "a-val-0.tar", "a-test-0.tar"), "train validation test"),
            (("train2017-0.tar", "Valid_01.tar", "dev/x.tar"), None),
            (("train/0.tar", "validation/0.tar", "test/0.tar"), "train validation test"),
            (("shard-0.tar", "other-1.tar", "shard-test-2.tar"), "train train test"),
        ],
    )
    def test_names_of_shards_say_which_train_validate_and_test(
        self, tmp_path: Path, samples: list[Sample], names: tuple[str, ...], parts: str | None
    ):
        for number, name in enumerate(names):
            write_shard(tmp_path / "s" / name, samples[number * 8 : number * 8 + 8])
        if parts is None:
            with pytest.raises(InputError, match="one validation part is needed, but both valid and dev are called so"):
                load(f"wds:{tmp_path}/s")
            return
        data = load(f"wds:{tmp_path}/s")
        of_shard = dict(zip(names, parts.split(), strict=True))
        for path, tests, validates in zip(data.files, data.official_test, data.official_validation, strict=True):
            part = of_shard[path.parent.relative_to(tmp_path / "s").as_posix()]
            assert (part == "test", part == "validation") == (tests, validates)

    def test_other_shards_beside_those_that_train_are_left_out_or_named(self, tmp_path: Path, samples: list[Sample]):
        write_shard(tmp_path / "s" / "train-0.tar", samples[:16])
        write_shard(tmp_path / "s" / "extra-0.tar", samples[16:])
        data = load(f"wds:{tmp_path}/s")
        assert (len(data.labels), data.skipped) == (16, ("extra-0.tar: left out, its name means no part",))
        assert load(f"wds:{tmp_path}/s", reading=Reading(test="extra")).official_test.sum() == 8

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("wds:", r"^wds: must be followed by a folder or by names of \.tar files, as in wds:shards/$"),
            ("wds:empty", "must be a folder with WebDataset shards, but it holds no .tar file"),
            ("wds:none", r"must name WebDataset shards, but /\S+/none is not there$"),
            ("wds:none-*.tar", "must name WebDataset shards, but nothing has that path"),
            ("wds:x.tar.gz", "shards must be plain .tar files, but x.tar.gz is compressed; unpack it"),
            ("wds:x.txt", "shards must be .tar files, but got x.txt"),
            ("wds:pipe.tar", r"pipe\.tar cannot be read: it is a pipe, not a file"),
            ("wds:pipe:touch hacked", "is not there"),
            ("wds:http://localhost/{0..3}.tar", r"0\.tar is not there$"),
        ],
    )
    def test_what_names_no_shards_is_refused_in_a_line(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
    ):
        monkeypatch.chdir(tmp_path)
        for name in ("x.tar.gz", "x.txt"):
            (tmp_path / name).write_bytes(b"x")
        os.mkfifo(tmp_path / "pipe.tar")
        (tmp_path / "empty").mkdir()
        with pytest.raises(InputError, match=message) as caught:
            load(text)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "hacked").exists()

    def test_a_folder_of_tars_alone_names_the_way_to_read_them(self, tmp_path: Path, samples: list[Sample]):
        write_shard(tmp_path / "s" / "a.tar", samples)
        with pytest.raises(InputError, match=r"holds no class folders: .*; give wds:\S+/s if its \.tar files are"):
            load(str(tmp_path / "s"))


class TestLabels:
    def test_numbers_take_their_names_from_classes_txt_in_its_order(
        self, tmp_path: Path, read: Shard, pngs: list[bytes]
    ):
        samples = [(f"{number}", {"png": png, "cls": number % 3}) for number, png in enumerate(pngs)]
        assert read(samples).classes == ("0", "1", "2")
        (tmp_path / "shards" / "classes.txt").write_text("zebra\ncrane\ncrane\nunused\n")
        data = read(samples)
        assert data.classes == ("zebra", "crane (1)", "crane (2)")
        assert data.labels[:4].tolist() == [0, 1, 2, 0]
        (tmp_path / "shards" / "classes.txt").write_text("zebra\ncrane\n")
        with pytest.raises(InputError, match=r"a line for each class from 0 on, but has 2, and a label is 2$"):
            read(samples)

    def test_fields_of_json_are_labels_groups_and_targets(self, read: Shard, pngs: list[bytes]):
        samples = [
            (f"{number}", {"png": png, "json": {"Label": "ab"[number % 2], "plant": number // 3, "age": number / 2}})
            for number, png in enumerate(pngs)
        ]
        data = read(samples, group="plant")
        assert data.classes == ("a", "b")
        assert data.groups.tolist() == [number // 3 for number in range(24)]
        data = read(samples, targets=("age",))
        assert (data.task, data.targets[:, 0].tolist()) == ("regression", [number / 2 for number in range(24)])
        assert read(samples, label_column="plant").classes == tuple(map(str, range(8)))
        with pytest.raises(
            InputError, match=r"--group must name one of its columns, but got an unknown column 'plants'; did"
        ):
            read(samples, group="plants")

    def test_lists_of_labels_are_several(self, read: Shard, pngs: list[bytes]):
        several = [["cat"], ["dog", "cat"], []]
        samples = [
            (f"{number}", {"png": png, "json": {"labels": several[number % 3]}}) for number, png in enumerate(pngs)
        ]
        data = read(samples)
        assert (data.task, data.classes) == ("multi-label", ("cat", "dog"))
        assert data.targets[:3].tolist() == [[1, 0], [1, 1], [0, 0]]

    def test_folders_of_names_are_groups(self, read: Shard, samples: list[Sample]):
        data = read(
            [(f"cup_{place // 4}/{name}", members) for place, (name, members) in enumerate(samples)], group="folder"
        )
        assert data.groups.tolist() == [place // 4 for place in range(24)]

    def test_a_member_of_its_own_counts_before_a_field(self, read: Shard, samples: list[Sample]):
        both = [(name, {**members, "json": {"cls": "bird", "label": "fish"}}) for name, members in samples]
        assert read(both).classes == ("cat", "dog")
        assert read([*both[:-1], (both[-1][0], {**both[-1][1], "json": {"x": 1}})], label_column="cls").classes == (
            "cat",
            "dog",
        )

    def test_samples_without_label_or_image_are_left_out_and_counted(self, read: Shard, samples: list[Sample]):
        samples = [
            ("a/no", {"png": samples[0][1]["png"]}),
            ("b", {"cls": "cat"}),
            ("c", {"cls": " ", "png": b"x"}),
            *samples,
        ]
        data = read([*samples, ("readme", {"txt": "hello"}), ("__meta__", {"json": {}})])
        assert sorted(data.skipped) == [
            "pets-000.tar/a/no: left out, it has no label",
            "pets-000.tar/b: left out, it has no image",
            "pets-000.tar/c: left out, it has no label",
            "pets-000.tar/readme.txt: no image",
        ]
        assert len(data.labels) == 24

    def test_shards_without_any_label_are_refused(self, read: Shard, pngs: list[bytes]):
        with pytest.raises(InputError, match=r"must have labels, as members \.cls or a field of \.json .* have: none$"):
            read([(f"{number}", {"png": png}) for number, png in enumerate(pngs)])
        with pytest.raises(InputError, match=r"but its samples have: caption, url$"):
            read([("1", {"png": pngs[0], "json": {"caption": "a cat", "url": "x"}})])

    def test_several_images_in_a_sample_need_to_be_chosen_from(self, read: Shard, samples: list[Sample]):
        one = [(name, {**members, "seg.png": b"mask"}) for name, members in samples]
        with pytest.raises(
            InputError,
            match=r"but 24 samples have several: pets-000.tar/000 has \.png and \.seg\.png, .*--image-column",
        ):
            read(one)
        assert read(one, image_column="png").fingerprint == read(samples).fingerprint
        with pytest.raises(
            InputError, match="--image-column must name one of its columns, but got an unknown column 'jpg'"
        ):
            read(one, image_column="jpg")

    def test_images_of_an_ending_that_is_not_known_are_named(self, read: Shard, samples: list[Sample]):
        odd = [(name, {"bin": members["png"], "cls": members["cls"]}) for name, members in samples]
        assert read(odd, image_column="bin").fingerprint == read(samples).fingerprint


class TestDamage:
    @pytest.fixture
    def shard(self, tmp_path: Path, samples: list[Sample]) -> Path:
        return write_shard(tmp_path / "s" / "a.tar", samples)

    @pytest.mark.parametrize("left", [0, 100, 512, 3000, 3072, 20_000, -1024 * 9])
    def test_a_shard_that_is_cut_off_anywhere_is_refused_and_what_is_left_is_described(self, shard: Path, left: int):
        content = shard.read_bytes()
        end = max(place for place in range(0, len(content), 512) if any(content[place : place + 512])) + 512
        shard.write_bytes(content[: left if left >= 0 else end])
        with pytest.raises(
            InputError, match=r"^wds:.*: a\.tar: is damaged or cut off after \d+ members: .+$"
        ) as caught:
            load(f"wds:{shard.parent}")
        assert "\n" not in str(caught.value)
        if left > 5000:
            checked = check_data(f"wds:{shard.parent}", cache="none")
            assert checked.refused == str(caught.value)
            assert checked.images > 5
            assert checked.broken[-1].startswith("a.tar: is damaged or cut off")

    def test_a_damaged_header_in_the_middle_is_no_end(self, shard: Path):
        content = bytearray(shard.read_bytes())
        content[512 * 20 : 512 * 60] = b"\xff" * (512 * 40)
        shard.write_bytes(content)
        with pytest.raises(
            InputError, match=r"damaged or cut off after \d+ members: no header, and no mark of the end"
        ):
            load(f"wds:{shard.parent}")

    def test_two_archives_in_one_file_are_refused(self, shard: Path):
        shard.write_bytes(shard.read_bytes() * 2)
        with pytest.raises(InputError, match="more follows the mark of its end"):
            load(f"wds:{shard.parent}")

    def test_a_compressed_shard_of_a_plain_name_is_refused(self, shard: Path):
        import gzip

        shard.write_bytes(gzip.compress(shard.read_bytes()))
        with pytest.raises(InputError, match=r"a\.tar: is compressed, and shards must be plain \.tar files"):
            load(f"wds:{shard.parent}")

    def test_sizes_below_zero_do_not_turn_the_reading_round(self, tmp_path: Path):
        """CVE-2025-8194: a negative size leads some versions of tarfile back to where they were."""
        member = tarfile.TarInfo("a.png")
        header = bytearray(member.tobuf(tarfile.GNU_FORMAT))
        header[124:136] = b"\xff" * 11 + b"\x00"  # -256 in base 256
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        path = tmp_path / "s" / "a.tar"
        path.parent.mkdir()
        path.write_bytes(bytes(header) * 4)
        with pytest.raises(InputError, match="damaged or cut off"):
            load(f"wds:{tmp_path}/s")

    def test_broken_images_are_counted_as_those_of_a_folder(self, tmp_path: Path, noise: Noise):
        for label in ("cat", "dog"):
            noise(tmp_path / "pets" / label, 100)
        (tmp_path / "pets" / "cat" / "0003.png").write_bytes(b"broken")
        shards = from_folder(tmp_path / "pets", tmp_path / "s", each=50)
        folder, tars = (load(text, size=8, cache="none") for text in (str(tmp_path / "pets"), f"wds:{shards}"))
        assert tars.fingerprint == folder.fingerprint
        assert (tars.skipped, folder.skipped) == (
            ("train-0000.tar/000003.png: not an image",),
            ("cat/0003.png: not an image",),
        )
        for number in range(4, 7):
            (tmp_path / "pets" / "cat" / f"{number:04}.png").write_bytes(b"broken")
        from_folder(tmp_path / "pets", shards, each=50)
        with pytest.raises(InputError, match="at most 1 % of the image files may be unreadable, but 4 of 200 are"):
            load(f"wds:{shards}", size=8, cache="none")

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"json": b"{"}, r'a\.tar/x\.json: a \.json of a sample must hold a mapping, such as {"label": "cat"}$'),
            ({"json": b"[" * 100_000}, "must hold a mapping"),
            ({"cls": b"x" * (2**20 + 1)}, r"a\.tar/x\.cls: it must have at most 1,048,576 bytes, but has 1,048,577$"),
            ({"json": {"label": {"a": 1}}}, "the column label must hold text or a number, but got dict"),
        ],
    )
    def test_what_says_no_label_is_refused(
        self, tmp_path: Path, samples: list[Sample], more: dict[str, Any], message: str
    ):
        choice = {"label_column": "label"} if "label" in str(more) else {}
        write_shard(tmp_path / "s" / "a.tar", [*samples, ("x", {"png": samples[0][1]["png"], **more})])
        with pytest.raises(InputError, match=message):
            load(f"wds:{tmp_path}/s", reading=Reading(**choice))


class TestHostileNames:
    def test_names_that_lead_out_of_the_shard_or_hold_control_characters_are_only_names(
        self, tmp_path: Path, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.chdir(tmp_path)
        plain = load(f"wds:{write_shard(tmp_path / 'p' / 'a.tar', samples)}").fingerprint
        names = ["../../out", "/etc/passwd", "a\x1b[31mred\nline", "caf\udce9", "-x", "./././b", "c d", "\u732b"]
        with tarfile.open(tmp_path / "a.tar", "w", errors="surrogateescape", format=tarfile.GNU_FORMAT) as archive:
            for (_, members_of), hostile in zip(samples, [*names, *map(str, range(24))], strict=False):
                for ending, content in members_of.items():
                    add(archive, f"{hostile}.{ending}", content)
        before = sorted(tmp_path.rglob("*"))
        checked = check_data("wds:a.tar", cache="none")
        assert checked.refused is None
        assert checked.images == 24
        assert load("wds:a.tar").fingerprint == plain
        assert all("\n" not in line and "\x1b" not in line for line in (*described(load("wds:a.tar")), *checked.lines))
        assert sorted(tmp_path.rglob("*")) == before
        assert checked.sizes is not None  # every image was opened again by its name

    def test_two_members_of_one_name_are_refused(self, tmp_path: Path, samples: list[Sample]):
        for again in ("000", "../000", "x/../000"):
            write_shard(tmp_path / "s" / "a.tar", [*samples, (again.replace("x/", ""), samples[0][1])])
            with pytest.raises(InputError, match=r"a\.tar/000\.png: a shard must not hold two members of one name$"):
                load(f"wds:{tmp_path}/s")

    def test_links_folders_and_hidden_files_are_passed_over(self, tmp_path: Path, samples: list[Sample]):
        path = write_shard(tmp_path / "s" / "a.tar", samples)
        with tarfile.open(path, "a") as archive:
            for kind, name in ((tarfile.SYMTYPE, "z.png"), (tarfile.LNKTYPE, "y.png"), (tarfile.DIRTYPE, "x.png")):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, "/etc/passwd"
                archive.addfile(member)
            add(archive, "._000.png", b"")
        data = load(f"wds:{path}")
        assert (len(data.labels), data.skipped) == (24, ())


class TestMembers:
    def test_a_member_is_read_like_a_file(self, tmp_path: Path):
        content = bytes(range(256)) * 1000
        path = write_shard(tmp_path / "a.tar", [("a", {"bin": content}), ("b", {"bin": b"other"})])
        first, second = members(path)
        with open_member(path, first) as file:
            assert file.read() == content
            assert file.seek(-3, io.SEEK_END) == len(content) - 3
            assert file.read(10) == content[-3:]
            assert file.read() == b""
            assert file.seek(1000) == 1000
            assert file.read(5) == content[1000:1005]
        with open_member(path, second) as file:
            assert file.read() == b"other"
        with pytest.raises(ValueError, match="0 or more, but got -1"), open_member(path, second) as file:
            file.seek(-1)

    def test_a_path_through_a_shard_is_opened_and_others_are_left_alone(self, tmp_path: Path):
        path = write_shard(tmp_path / "a.tar", [("f/a", {"bin": b"one"})])
        source = openable(path / "f" / "a.bin")
        assert not isinstance(source, Path)
        assert source.read() == b"one"
        with pytest.raises(FileNotFoundError, match="the shard has no such member"):
            openable(path / "b.bin")
        (tmp_path / "folder.tar").mkdir()
        for other in (tmp_path / "folder.tar" / "x.png", tmp_path / "x.png", path):
            assert openable(other) == other

    def test_members_are_copied_out_byte_by_byte_for_a_program_that_reads_files(
        self, tmp_path: Path, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        data = load(f"wds:{write_shard(tmp_path / 's' / 'a.tar', samples)}")
        files, folder = copied_out(data.files)
        assert [Path(file).read_bytes() for file in files] == [sample["png"] for _, sample in samples]
        assert folder is not None
        assert {Path(file).parent for file in files} == {folder}
        assert copied_out([tmp_path / "x.png"]) == ([str(tmp_path / "x.png")], None)

    def test_nothing_is_left_of_copies_that_a_full_disk_ends(
        self, tmp_path: Path, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        data = load(f"wds:{write_shard(tmp_path / 's' / 'a.tar', samples)}")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("shutil.copyfileobj", full)
        with pytest.raises(AutomlError, match=r"cannot be copied out of their shards: .*No space left"):
            copied_out(data.files)
        assert not list(tmp_path.glob("automl-images-*"))

    def test_a_member_without_an_ending_is_no_image(self, tmp_path: Path, samples: list[Sample]):
        name, files = samples[0]
        path = write_shard(tmp_path / "a.tar", [(name, {**files, "": b"?"}), *samples[1:]])
        assert len(load(f"wds:{path}").labels) == len(samples)

    def test_a_folder_whose_name_is_not_utf8_is_refused(
        self, tmp_path: Path, samples: list[Sample], monkeypatch: pytest.MonkeyPatch
    ):
        folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
        write_shard(Path(folder) / "a.tar", samples)
        monkeypatch.chdir(folder)
        with pytest.raises(InputError, match="--data must be a path in UTF-8"):
            load("wds:.")

    def test_a_shard_that_shrank_since_it_was_listed_gives_less_and_does_not_hang(self, tmp_path: Path):
        path = write_shard(tmp_path / "a.tar", [("a", {"bin": b"x" * 5000})])
        with open_member(path, Member("a.bin", 512, 10**9)) as file:
            assert len(file.read()) < 20_000


@pytest.mark.exhaustive
@pytest.mark.parametrize("label", ["number", "name", "json"])
def test_shards_by_the_writer_of_webdataset_are_read_as_itself_reads_them(tmp_path: Path, noise: Noise, label: str):
    webdataset = pytest.importorskip("webdataset", reason="the package webdataset is not installed")
    tariterators = pytest.importorskip("webdataset.tariterators")
    root = tmp_path / "pets"
    for name in ("cat", "dog"):
        noise(root / name, 12)
    (tmp_path / "tars").mkdir()
    (tmp_path / "tars" / "classes.txt").write_text("cat\ndog\n")
    with webdataset.ShardWriter(f"{tmp_path}/tars/train-%04d.tar", maxcount=7, verbose=0) as writer:
        for number, file in enumerate(sorted(root.glob("*/*"))):
            name = file.parent.name
            place = ["cat", "dog"].index(name)
            said = {"number": {"cls": place}, "name": {"cls": name}, "json": {"json": {"label": name}}}[label]
            writer.write({"__key__": f"x/{number:05}", "png": file.read_bytes(), **said})
    folder, tars = load(str(root), size=8, cache="none"), load(f"wds:{tmp_path}/tars", size=8, cache="none")
    assert tars.fingerprint == folder.fingerprint
    theirs = []
    for shard in sorted((tmp_path / "tars").glob("*.tar")):
        with shard.open("rb") as file:  # webdataset's own way of opening leaves files open
            found = ({**member, "__url__": str(shard)} for member in tariterators.tar_file_iterator(file))
            theirs += [np.asarray(Image.open(io.BytesIO(one["png"]))) for one in tariterators.group_by_keys(found)]
    np.testing.assert_array_equal(tars.images, np.stack(theirs).transpose(0, 3, 1, 2))
