"""What makes the CPU quick: convolutions, threads, memory, chunk lengths."""
