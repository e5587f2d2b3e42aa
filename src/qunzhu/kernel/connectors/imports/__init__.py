"""Chat exports: files of other programs become events of the log, marked historic, so that nothing outward follows."""
