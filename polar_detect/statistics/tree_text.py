"""Whether a text is a model of LightGBM's, which does not check that itself.

On a broken one LightGBM ends the process, and on a hostile one it reads and writes memory that is
not its own.
"""

import re
from collections.abc import Mapping

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|inf|nan)")
_WHOLE = re.compile(r"-?\d{1,9}")
_HEADER = re.compile(
    r"tree\nversion=v\d+\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
    r"max_feature_idx=(?P<last>\d{1,9})\nobjective=binary sigmoid:1\n"
    r"feature_names=(?P<names>[^=\n]*)\nfeature_infos=(?P<ranges>[^=\n]*)\n"
    r"tree_sizes=(?P<sizes>[\d ]*)\n\n"
)
_END = "end of trees\n"
# What each split, and each leaf, of a tree has, in the order of the file.
_DECISION, _MISSING_IS_NAN = "decision_type", 8
_MAX_LEAVES = 10_000  # ours have seven; LightGBM goes down a chain of a million and never returns
_SPLITS_FIRST = ("split_feature", "split_gain", "threshold", _DECISION)
_CHILDREN = ("left_child", "right_child")
_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_SPLITS_LAST = ("internal_value", "internal_weight", "internal_count")
_LISTS = (*_SPLITS_FIRST, *_CHILDREN, *_LEAVES, *_SPLITS_LAST)
_KEYS = ("num_leaves", "num_cat", *_LISTS, "is_linear", "shrinkage")
_WHOLE_LISTS = {"split_feature", _DECISION, *_CHILDREN, "leaf_count", "internal_count"}


def checked_trees(text: str, n_features: int) -> str:
    """Return the part of a model's text that holds its trees.

    Raises
    ------
    ValueError
        A tree points outside itself or at itself, asks for a feature that does not exist, or
        something has another size than it says.
    """
    header = _HEADER.match(text)
    if header is None or not text.isascii():  # so that characters are bytes
        raise ValueError("no trees of one binary objective")
    counts = {len(header[part].split(" ")) for part in ("names", "ranges")}
    if counts != {n_features} or int(header["last"]) != n_features - 1:
        raise ValueError(f"not {n_features} features")
    end = header.end()
    for i, size in enumerate(map(_whole, header["sizes"].split())):
        _check_tree(text[end : end + size], i, n_features)
        end += size
    if not text.startswith(_END, end):
        raise ValueError("other trees than it counts")
    return text[: end + len(_END)]


def features_met_missing(text: str) -> set[int]:
    """Return which features of a model's text had no number in some row, of those that it splits.

    LightGBM takes a missing number of any other feature for 0.
    """
    columns = (re.findall(rf"^{key}=(.*)$", text, re.M) for key in ("split_feature", _DECISION))
    splits = zip(*(" ".join(column).split() for column in columns), strict=True)
    return {int(feature) for feature, kind in splits if int(kind) & _MISSING_IS_NAN}


def _check_tree(block: str, i: int, n_features: int) -> None:
    lines = block.split("\n")
    pairs = [line.partition("=") for line in lines[1 : len(_KEYS) + 1]]
    is_whole = lines[0] == f"Tree={i}" and lines[len(_KEYS) + 1 :] == ["", "", ""]
    if not is_whole or tuple(key for key, _, _ in pairs) != _KEYS:
        raise ValueError(f"tree {i} is not laid out as one")
    tree = {key: value for key, _, value in pairs}
    n_leaves = _whole(tree["num_leaves"])
    numbers = {key: tree[key].split(" ") if tree[key] else [] for key in _LISTS}
    # A tree of one leaf has no weight of it, and with LightGBM 4.3 no count.
    sizes = dict.fromkeys(_LISTS, n_leaves - 1) | dict.fromkeys(_LEAVES, n_leaves)
    if n_leaves == 1:
        sizes |= {"leaf_weight": 0, "leaf_count": min(len(numbers["leaf_count"]), 1)}
    if n_leaves < 1 or {key: len(found) for key, found in numbers.items()} != sizes:
        raise ValueError(f"tree {i} has other leaves or splits than it counts")
    if n_leaves > _MAX_LEAVES:
        raise ValueError(f"tree {i} of {n_leaves} leaves")
    is_plain = tree["num_cat"] == tree["is_linear"] == "0"
    if not is_plain or not _NUMBER.fullmatch(tree["shrinkage"]):
        raise ValueError(f"tree {i} is of another kind")
    for key, found in numbers.items():
        for number in found:
            if not (_WHOLE if key in _WHOLE_LISTS else _NUMBER).fullmatch(number):
                raise ValueError(f"tree {i} has no number in {key}")
    _check_splits({key: list(map(int, numbers[key])) for key in _WHOLE_LISTS}, i, n_features)


def _check_splits(tree: Mapping[str, list[int]], i: int, n_features: int) -> None:
    """Check that splits are on features, and that each node is the child of one before it."""
    n_splits = len(tree["split_feature"])
    if not all(0 <= feature < n_features for feature in tree["split_feature"]):
        raise ValueError(f"tree {i} asks for a feature that does not exist")
    # The lowest bit stands for categories, of which ours have none; four bits are known.
    if not all(kind in range(0, 16, 2) for kind in tree[_DECISION]):
        raise ValueError(f"tree {i} is of another kind")
    children = [tree[side] for side in _CHILDREN]
    if any(split >= child >= 0 for side in children for split, child in enumerate(side)):
        raise ValueError(f"tree {i} points at itself")
    nodes = [*range(1, n_splits), *(~leaf for leaf in range(n_splits + 1))]
    if n_splits and sorted(children[0] + children[1]) != sorted(nodes):
        raise ValueError(f"tree {i} points outside itself")


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"no number in {text[:20]!r}")
    return int(text)
