"""A blueprint's sections, one file for each chapter of the guide."""
