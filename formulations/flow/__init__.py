"""Flow formulations: commodities, arc flows, their decomposition into paths, tightenings."""
