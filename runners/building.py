"""From a program as plain data to the trainer's program: the task, the slopes at each site, the optimizer, the block.

All that is decided here moves numbers, so this page is part of every fingerprint.
"""

from __future__ import annotations
