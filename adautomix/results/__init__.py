"""Results: what the paper prints, what is recorded and what ran here, side by side."""
