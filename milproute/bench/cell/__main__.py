"""``python -m milproute.bench.cell SPEC RESULT`` runs one cell."""

from milproute.bench.cell.cell import main

main()
