"""Reading and writing files: one reader of each kind, none of them trusted."""
