"""Places: great circles, and longitude and latitude laid out on a plane in km."""

from __future__ import annotations

from math import asin, cos, fsum, hypot, radians, sin, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

EARTH_RADIUS_KM = 6371.0
Place = tuple[float, float]


def metres(km: float) -> float:
    """Round to whole metres, so that files do not hang on the last bit of a libm; no minus zero."""
    return round(float(km), 3) + 0.0


def distance_km(first: Place, second: Place) -> float:
    """Return the straight distance of two places on the plane."""
    return metres(hypot(first[0] - second[0], first[1] - second[1]))


def great_circle_km(first: Place, second: Place) -> float:
    """Return the great-circle distance of two places given as (longitude, latitude) in degrees."""
    (lon1, lat1), (lon2, lat2) = ((radians(x), radians(y)) for x, y in (first, second))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return metres(2 * EARTH_RADIUS_KM * asin(sqrt(min(1.0, half))))


def is_lon_lat(place: Place) -> bool:
    """Say whether a place can be longitude and latitude at all."""
    return abs(place[0]) <= 180 and abs(place[1]) <= 90


def project(places: Sequence[Place]) -> list[Place]:
    """Lay (longitude, latitude) out in km: equirectangular about the mean latitude.

    x points east from the mean longitude, y north from the mean latitude. Distances are true along
    the mean parallel and the meridians; a map across the date line is torn.
    """
    if not places:
        return []
    lon0 = fsum(lon for lon, _ in places) / len(places)
    lat0 = fsum(lat for _, lat in places) / len(places)
    wide = EARTH_RADIUS_KM * cos(radians(lat0))
    return [
        (metres(wide * radians(lon - lon0)), metres(EARTH_RADIUS_KM * radians(lat - lat0)))
        for lon, lat in places
    ]
