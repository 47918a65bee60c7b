"""Cuts the sample photos from scikit-image's test images.

usage: make_photos.py DATA PHOTOS

DATA is the folder that fetch_data.py filled. Each photo is centre-cropped to a square, resized to
320 x 320 and saved as JPEG; PHOTOS also gets index.json, which the page reads. Only images whose
docstring in skimage/data/_fetchers.py states CC0 or public domain are taken.
"""

import io
import json
import pathlib
import sys
import zipfile

from PIL import Image

SIZE = 320
QUALITY = 85
PUBLIC_DOMAIN = "public domain"
PHOTOS = [
    ("coffee.png", "Coffee cup", "CC0-1.0", "Rachel Michetti"),
    ("chelsea.png", "Chelsea the cat", "CC0-1.0", "Stefan van der Walt"),
    ("camera.png", "Cameraman", "CC0-1.0", "Lav Varshney"),
    ("rocket.jpg", "Falcon 9 launching DSCOVR", PUBLIC_DOMAIN, "SpaceX"),
    ("astronaut.png", "Eileen Collins, astronaut", PUBLIC_DOMAIN, "NASA"),
    ("hubble_deep_field.jpg", "Hubble eXtreme Deep Field", PUBLIC_DOMAIN, "NASA"),
    ("brick.png", "Brick wall", "CC0-1.0", "CC0Textures, Bricks25"),
]


def square(raw):
    """The largest centred square of the encoded image `raw`, in RGB, SIZE x SIZE."""
    image = Image.open(io.BytesIO(raw)).convert("RGB")
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    cropped = image.crop((left, top, left + side, top + side))
    return cropped.resize((SIZE, SIZE), Image.Resampling.LANCZOS)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    data, photos = map(pathlib.Path, sys.argv[1:])
    photos.mkdir(parents=True, exist_ok=True)
    (wheel,) = (data / "wheels").glob("scikit_image-0.26.0-*.whl")
    index = []
    with zipfile.ZipFile(wheel) as archive:
        for source, title, licence, credit in PHOTOS:
            file = pathlib.Path(source).stem.replace("_", "-") + ".jpg"
            image = square(archive.read(f"skimage/data/{source}"))
            image.save(photos / file, quality=QUALITY, optimize=True)
            entry = {"file": file, "title": title, "licence": licence, "credit": credit}
            index.append(entry)
    (photos / "index.json").write_text(json.dumps(index, indent=2) + "\n")


if __name__ == "__main__":
    main()
