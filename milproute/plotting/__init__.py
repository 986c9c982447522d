"""Pictures of networks and plans: each function draws on ``ax`` or makes a figure, and never shows it.

Nothing here imports pyplot: figures live on their own Agg canvas, so this works without a display and
leaves no figure open.
"""

from milproute.plotting.plot_network import plot_network
from milproute.plotting.plot_plan import plot_plan
from milproute.plotting.save import save_figure

__all__ = ["plot_network", "plot_plan", "save_figure"]
