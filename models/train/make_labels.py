"""Writes the names of the 1,000 ImageNet classes, one a line, in the order of the model's logits.

usage: make_labels.py DATA LABELS.txt

The names are the curated ones in open_clip_torch (MIT), which says less per class and says it better
than WordNet. Two classes there have the same name as a neighbour; they get their WordNet names here.
"""

import ast
import pathlib
import sys
import zipfile

WHEEL = "open_clip_torch-3.3.0-py3-none-any.whl"
MODULE = "open_clip/zero_shot_metadata.py"
VARIABLE = "IMAGENET_CLASSNAMES"
DISTINCT = {744: "projectile", 836: "sunglass"}


def class_names(source):
    """The value of VARIABLE in the Python text `source`, which is parsed and never run."""
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == VARIABLE:
            return list(ast.literal_eval(statement.value))
    raise SystemExit(f"{MODULE} holds no {VARIABLE}")


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with zipfile.ZipFile(pathlib.Path(sys.argv[1]) / "wheels" / WHEEL) as wheel:
        names = class_names(wheel.read(MODULE).decode())
    for index, name in DISTINCT.items():
        names[index] = name
    if len(names) != 1000 or len(set(names)) != 1000:
        raise SystemExit("expected 1,000 different names")
    path = pathlib.Path(sys.argv[2])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(names) + "\n")


if __name__ == "__main__":
    main()
