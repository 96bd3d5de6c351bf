"""What the toolkit needs of this machine: files, output, secrets in the environment, signals, time and limits."""
