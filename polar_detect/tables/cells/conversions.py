"""What a number in one unit of measurement would be, had it been taken in another one."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from scipy import constants

from polar_detect.tables.cells.units import spelled

# By quantity, as it is written and in SI units, what plants and laboratories measure in.
_LENGTHS = {
    **{"m": 1.0, "cm": 1e-2, "mm": 1e-3, "μm": 1e-6, "nm": 1e-9},
    **{"inch": constants.inch, "ft": constants.foot, "mil": constants.mil},
}
_TIMES = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0}
_FORCES = {"N": 1.0, "kN": 1e3, "mN": 1e-3, "kgf": constants.kgf, "lbf": constants.lbf}
_PRESSURES = {
    **{"Pa": 1.0, "hPa": 1e2, "kPa": 1e3, "MPa": 1e6, "GPa": 1e9, "N/mm2": 1e6},
    **{"bar": constants.bar, "mbar": 1e-3 * constants.bar, "psi": constants.psi},
    **{"ksi": 1e3 * constants.psi, "Torr": constants.torr, "mmHg": constants.mmHg},
    **{"kgf/cm2": constants.kgf * 1e4, "kgf/mm2": constants.kgf * 1e6},
}
_MASSES = {"kg": 1.0, "g": 1e-3, "mg": 1e-6, "t": 1e3, "lb": constants.lb, "oz": constants.oz}
_TORQUES = {
    **{"N·m": 1.0, "N·cm": 1e-2, "N·mm": 1e-3, "kgf·m": constants.kgf},
    **{"kgf·cm": constants.kgf * 1e-2, "lbf·ft": constants.lbf * constants.foot},
    "lbf·in": constants.lbf * constants.inch,
}
_ENERGIES = {
    **{"J": 1.0, "kJ": 1e3, "MJ": 1e6, "Wh": 3600.0, "kWh": 3.6e6, "eV": constants.eV},
    **{"cal": constants.calorie, "kcal": 1e3 * constants.calorie, "BTU": constants.Btu},
}
_POWERS = {"W": 1.0, "kW": 1e3, "mW": 1e-3, "hp": constants.hp}
_TURNS = {"Hz": 1.0, "kHz": 1e3, "rpm": 1 / 60, "rad/s": 0.5 / constants.pi}
_ANGLES = {"deg": constants.degree, "°": constants.degree, "rad": 1.0, "mrad": 1e-3}
_SPEEDS = {
    **{"m/s": 1.0, "m/min": 1 / 60, "m/h": 1 / 3600, "km/h": constants.kmh, "mm/s": 1e-3},
    **{"mm/min": 1e-3 / 60, "cm/s": 1e-2, "ft/min": constants.foot / 60, "mph": constants.mph},
}
_FLOWS = {
    **{"m3/h": 1 / 3600, "m3/min": 1 / 60, "m3/s": 1.0, "L/min": 1e-3 / 60, "L/h": 1e-3 / 3600},
    **{"L/s": 1e-3, "mL/min": 1e-6 / 60, "mL/h": 1e-6 / 3600, "gpm": constants.gallon / 60},
}
_QUANTITIES = (
    *(_LENGTHS, _TIMES, _FORCES, _PRESSURES, _MASSES, _TORQUES, _ENERGIES, _POWERS),
    *(_TURNS, _ANGLES, _SPEEDS, _FLOWS),
)
_ZERO, _FAHRENHEIT = constants.zero_Celsius, constants.degree_Fahrenheit
_TEMPERATURES = {  # as a multiple of the unit and what is added, in kelvins
    "°C": (1.0, _ZERO),
    "K": (1.0, 0.0),
    "°F": (_FAHRENHEIT, _ZERO - 32 * _FAHRENHEIT),
}
_ALIASES = {
    **{"Nm": "N·m", "Ncm": "N·cm", "Nmm": "N·mm", "in": "inch", "um": "μm", "hr": "h"},
    **{"min-1": "rpm", "r/min": "rpm", "rev/min": "rpm", "1/min": "rpm"},
    **{"1/s": "Hz", "s-1": "Hz"},
    **{"秒": "s", "分": "min", "時間": "h", "日": "d", "msec": "ms", "mins": "min", "hours": "h"},
    **{"lb-ft": "lbf·ft", "ft-lb": "lbf·ft", "ft-lbf": "lbf·ft", "lbf-ft": "lbf·ft"},
    **{"in-lb": "lbf·in", "in-lbf": "lbf·in", "lb-in": "lbf·in", "C": "°C"},
    **{"kg/cm2": "kgf/cm2", "kg/mm2": "kgf/mm2", "kgfm": "kgf·m", "kgfcm": "kgf·cm"},
}
_TIMES_SIGN, _SECONDS = re.compile("[·・*×⋅]"), re.compile(r"\bsec\b")
_ALIKE: Final = 1e-6  # of one another, units of two names are one
# Drift may look like units that are nearly the same, and nobody measures lengths in m and in nm.
_NEAREST: Final = 1.25
_FARTHEST: Final = 1e4


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a number in another unit is told in one's own: ``times * number + plus``."""

    unit: str
    times: float
    plus: float = 0.0


@cache
def conversions_to(unit: str) -> tuple[Conversion, ...]:
    """Return the other units that a number may have been taken in, each once.

    None that is nearly the same, as kgf/cm² is a bar, or more than 10,000 times as large or as
    small; () for a unit that has no other, as percentages have none.

    >>> [(own.unit, round(own.times, 4), round(own.plus, 2)) for own in conversions_to("℃")]
    [('K', 1.0, -273.15), ('°F', 0.5556, -17.78)]
    >>> [own.unit for own in conversions_to("mm")]
    ['m', 'cm', 'μm', 'inch', 'ft', 'mil']
    >>> [own.unit for own in conversions_to("Nm")]
    ['N·cm', 'N·mm', 'kgf·m', 'kgf·cm', 'lbf·ft', 'lbf·in']
    """
    own = _named(unit)
    if own in _TEMPERATURES:
        return _temperatures(own)
    scales = next((scales for scales in _QUANTITIES if own in scales), {own: 1.0})
    found: dict[float, Conversion] = {}
    for name, scale in scales.items():
        ratio = scale / scales[own]
        is_told = _NEAREST < max(ratio, 1 / ratio) < _FARTHEST
        if is_told and all(abs(ratio - known) > _ALIKE * known for known in (1.0, *found)):
            found[ratio] = Conversion(name, ratio)
    return tuple(found.values())


def _named(unit: str) -> str:
    """Return the unit as it is named here; another, or NM, which may be two, as it is.

    >>> _named("N*m"), _named("Nm"), _named("mm/sec"), _named("kgf/mm^2"), _named("NM")
    ('N·m', 'N·m', 'mm/s', 'kgf/mm2', 'NM')
    """
    scales = (_TEMPERATURES, *_QUANTITIES)
    names = {name: name for scale in scales for name in scale} | _ALIASES
    if unit in names or len(spelled(unit)) == 1:  # G is no g, and T no t
        return names.get(unit, unit)
    found = {own for name, own in names.items() if _key(name) == _key(unit)}
    return found.pop() if len(found) == 1 else unit


def _temperatures(unit: str) -> tuple[Conversion, ...]:
    times, plus = _TEMPERATURES[unit]
    return tuple(
        Conversion(other, own_times / times, (own_plus - plus) / times)
        for other, (own_times, own_plus) in _TEMPERATURES.items()
        if other != unit
    )


def _key(unit: str) -> str:
    """Return what spellings of one unit have in common, with any signs for times and powers."""
    plain = spelled(unit).replace("^", "").replace("\u2212", "-")  # as of a raised minus
    return _SECONDS.sub("s", _TIMES_SIGN.sub("·", plain))
