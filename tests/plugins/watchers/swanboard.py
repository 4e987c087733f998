"""The local page of swanlab; only that it is there counts."""
