"""Short synthetic work orders: 60 normal ones, new normal ones, and strangers."""

from itertools import product

_PARTS = ("pump", "valve", "conveyor", "gearbox", "press", "fan", "bearing", "motor")
_FAULTS = (
    "leaks oil again",
    "is stuck and was greased",
    "runs hot, temperature checked",
    "makes a loud noise at start",
    "was replaced after the shift",
    "needs a new seal",
    "vibrates, bolts tightened",
    "stopped, fuse changed",
)
_ALL = [f"{part.capitalize()} {fault}" for fault, part in product(_FAULTS, _PARTS)]

NORMAL = [f"{text}, line {i % 3}" for i, text in enumerate(_ALL[:60])]
NEW = [f"{text}, line {(i + 1) % 3}" for i, text in enumerate(_ALL[:40])][1::6]
STRANGE = [
    "SELECT name FROM users WHERE id = 7; DROP TABLE users",
    "zq#9 $$kk!! ~~~ 00x00 }}}{{{ ^^ |||",
    "0x7fff5fbff8a0 SIGSEGV core dumped at 0x0000",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
]
