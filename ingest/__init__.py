"""Everything between a delivered file and the lake: contracts, landing and the simulator."""
