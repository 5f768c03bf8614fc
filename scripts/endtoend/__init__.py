"""End-to-end runs: real calls through a real proxy process, with loss, two workers, reloads and soak."""
