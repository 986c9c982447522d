"""What pictures are drawn with: canvas, lanes, labels, legends, fonts."""
