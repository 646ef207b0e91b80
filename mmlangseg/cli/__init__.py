"""What the tools share: options, configs, consoles and progress."""
