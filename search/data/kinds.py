"""Tells which files are images. Pillow decides by content; the name counts only for files that
Pillow cannot open.

A damaged or unsupported image is reported; a list of labels beside the images is not. The name of
a file distinguishes the two.
"""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

CONVERT = "convert to PNG"
UNSUPPORTED = {
    ".heic .heif .hif .heics .heifs": ("HEIF", "pip install pillow-heif"),
    ".avif .avifs": ("AVIF", "pip install pillow-avif-plugin"),
    ".jxl": ("JPEG XL", "pip install pillow-jxl-plugin"),
    ".svg .svgz": ("SVG", CONVERT),
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mrw .nef .nrw": ("camera raw", CONVERT),
    ".orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f": ("camera raw", CONVERT),
    ".dcm .dicom": ("DICOM", CONVERT),
    ".exr": ("OpenEXR", CONVERT),
    ".hdr": ("Radiance HDR", CONVERT),
    ".jxr .wdp .hdp": ("JPEG XR", CONVERT),
    ".jls": ("JPEG-LS", CONVERT),
    ".bpg .flif .djvu .xcf .kra .pic .pict": ("a kind of image that cannot be read", CONVERT),
}
"""Endings of images that Pillow alone cannot read: the kind's name and the remedy."""
NO_PICTURES = {"BUFR", "GRIB", "HDF5", "MPEG"}
"""Formats that Pillow identifies although they hold weather data, tables or films, not pictures."""
BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}
"""Brands of HEIF files, at the ninth byte."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of image that Pillow cannot read here."""

    name: str
    """Its name, for messages."""
    remedy: str
    """What the user can do about it."""

    def __str__(self) -> str:
        return f"{self.name}: {self.remedy}"


def is_called_an_image(name: str) -> bool | None:
    """Whether a file's name is that of an image; None if it does not tell (no ending, or an unknown
    one)."""
    ending = PurePath(name).suffix.lower()
    if not ending:
        return None
    if ending in _unsupported() or ending in _registered():
        return True
    kind = _types().guess_type("x" + ending, strict=False)[0]
    return None if kind is None else kind.startswith("image/")


def unsupported(name: str, start: bytes = b"") -> Kind | None:
    """The kind of a file that Pillow could not open, by its name or its first 16 bytes; None if it
    is damaged, or no image."""
    ending = PurePath(name).suffix.lower()
    if start[4:8] == b"ftyp" and start[8:12] in BRANDS:
        ending = ".heic"
    elif start[:2] == b"\xff\x0a" or start[:12] == b"\x00\x00\x00\x0cJXL \r\n\x87\n":
        ending = ".jxl"
    return None if ending in _registered() else _unsupported().get(ending)


@cache
def _unsupported() -> dict[str, Kind]:
    """`UNSUPPORTED` by single endings."""
    return {ending: Kind(*kind) for endings, kind in UNSUPPORTED.items() for ending in endings.split()}


@cache
def _registered() -> frozenset[str]:
    """The endings of the kinds that Pillow and its plugins open."""
    from PIL import Image

    from ...studies.tasks.preprocessing import register_plugins

    register_plugins()
    return frozenset(
        ending
        for ending, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and kind not in NO_PICTURES
    )


@cache
def _types() -> mimetypes.MimeTypes:
    """Python's own table of types; that of the operating system differs between machines."""
    return mimetypes.MimeTypes()
