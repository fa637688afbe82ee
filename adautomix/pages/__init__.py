"""What one chapter of the book needs, a file for each chapter."""
