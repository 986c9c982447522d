"""Small files in foreign layouts."""

from __future__ import annotations

QCAST = """// a path of three nodes
3
0.01   // alpha
0.9

3
10 0.0 0.0   // memory x y
12 30.0 40.0
14 30.0 100.0
0 1 5
1 2 3
2 1 4
"""

SNDLIB = """?SNDlib native format; type: network; version: 1.0
# network tiny

META (
  granularity = 5min
)
NODES (
  Berlin ( 13.405 52.52 )
  Munich ( 11.582 48.1351 )
  Bonn ( 7.1 50.73 )
)
LINKS (
  L1 ( Berlin Munich ) 0.00 0.00 0.00 260.00 ( 40.00 2610.00 160.00 4790.00 )
  L2 ( Munich Berlin ) 0.00 0.00 0.00 260.00 ( )
  L3 ( Munich Bonn ) 0.00 0.00 0.00 1.00 ( 40.00 1.00 )
)
DEMANDS (
  D1 ( Berlin Bonn ) 1 121.00 UNLIMITED
  D2 ( Bonn Berlin ) 1 3.50 4
)
"""
