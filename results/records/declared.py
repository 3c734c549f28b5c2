"""Claims that were declared before a training: their digests, which every record keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parents[1] / "claims.yaml"
WITHDRAWN = "withdrawn"  # what a claim may have beside all else: the reason, in half a sentence


def digest(claim: Mapping[str, Any]) -> str:
    """What a claim is known by: SHA-256 of its keys and values, but of what became of it.

    Args:
        claim: as results/claims.yaml has it.

    Returns:
        16 hexadecimal digits. A word or a number of it changed is another claim.
    """
    own = {key: value for key, value in claim.items() if key != WITHDRAWN}
    text = json.dumps(own, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def standing(path: Path = FILE) -> list[str] | None:
    """The digests of the claims that stand, sorted.

    Args:
        path: of the claims.

    Returns:
        None where the file is not there or holds no list of claims: then nothing can be said to have been declared.
    """
    try:
        claims = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):  # ValueError: it is no UTF-8
        return None
    if not isinstance(claims, list) or not all(isinstance(claim, Mapping) for claim in claims):
        return None
    return sorted(digest(claim) for claim in claims if WITHDRAWN not in claim)


def before(claim: Mapping[str, Any], accounts: Iterable[Mapping[str, Any]]) -> bool | None:
    """Whether a claim stood before the first of these records was trained.

    Args:
        claim: as results/claims.yaml has it.
        accounts: of the records.

    Returns:
        None where the oldest record does not say which claims stood.
    """
    oldest = min(accounts, key=lambda account: account["started"], default={})
    known = oldest.get("claims")
    return None if known is None else digest(claim) in known
