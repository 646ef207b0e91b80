"""Toy rooms of LESS, as raw ScanNet scans."""
