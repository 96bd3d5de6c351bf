"""The verbs, one module each: thin, from the command line to the floors below and back to the terminal."""
