"""Speed and quality beside peers, as ratios of things run side by side. `make bench-<link>`, or each script alone."""
