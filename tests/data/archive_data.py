"""Archives of files, and images to put into them."""

import io
import tarfile
import zipfile

import numpy as np
from PIL import Image


def encoded(pixels: np.ndarray, kind: str = "png") -> bytes:
    """An image file of a kind: png, bmp or jpg."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format={"jpg": "jpeg"}.get(kind, kind))
    return stream.getvalue()


def packed(kind: str, members) -> bytes:
    """A zip, stored zip, tar or tar.gz (a file's name tells as well) of contents by path.

    In place of a mapping there may be pairs, and in place of a path a ZipInfo or TarInfo.
    """
    pairs = list(members.items() if isinstance(members, dict) else members)
    stream = io.BytesIO()
    if "zip" in kind:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED if "stored" in kind else zipfile.ZIP_DEFLATED) as archive:
            for member, content in pairs:
                archive.writestr(member, content)
    else:
        with tarfile.open(fileobj=stream, mode="w:gz" if kind.endswith("gz") else "w") as archive:
            for member, content in pairs:
                info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()
