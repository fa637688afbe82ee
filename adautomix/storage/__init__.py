"""Files that are complete or absent, and the digests by which they are known again."""
