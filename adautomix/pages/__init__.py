"""Computations for the chapters of the book, a module for each chapter."""
