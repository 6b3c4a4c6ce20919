"""What of a contract decides availability, as one digest: counties whose contracts have the same may be summed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from jinbao_config.contract import Contract

_NOT_DECIDING = ("schema", "effective", "parties", "limits", "credit")
"""Who signed and when, what it costs, and promises about other things."""


def terms_of(contract: Contract) -> str:
    """SHA-256, hex."""
    deciding = {field.name: getattr(contract, field.name) for field in fields(contract) if field.name not in _NOT_DECIDING}
    return hashlib.sha256(json.dumps(deciding, default=_plainly, sort_keys=True).encode()).hexdigest()


def _plainly(value: object) -> object:
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return dict(value) if isinstance(value, Mapping) else str(value)
